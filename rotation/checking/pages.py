"""docs/rules/: a page for each rule, from its METADATA. `python -m rotation.checking.pages` writes them."""

from __future__ import annotations

from pathlib import Path

from policies.rules import IN_CODE, Rule, rules

FOLDER = Path(__file__).resolve().parent.parent.parent / "docs" / "rules"


def page(rule: Rule) -> str:
    where = rule.file if rule in IN_CODE else f"policies/rego/{rule.file}"
    return (
        f"# {rule.title}\n\n`{rule.name}`: {rule.area}, {rule.severity}\n\n{rule.description}\n\n"
        f"**Remedy**: {rule.remedy}\n\n**Reference**: {rule.reference}\n\n[{where}](../../{where})\n"
    )


def pages() -> dict[str, str]:
    """By file name, the table of all first."""
    rows = [f"| [{r.name}]({r.name}.md) | {r.area} | {r.severity} | {r.title} |" for r in rules()]
    head = [
        "# Rules\n",
        "Generated from the METADATA of the bundle: `python -m rotation.checking.pages`. Every threshold is in",
        "[data.yaml](../../policies/rego/portcullis/thresholds/data.yaml), with what it is for.\n",
        "| rule | area | severity | title |",
        "|---|---|---|---|",
    ]
    return {"README.md": "\n".join([*head, *rows]) + "\n", **{f"{r.name}.md": page(r) for r in rules()}}


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    wanted = pages()
    for name, text in wanted.items():
        (FOLDER / name).write_text(text)
    for left in FOLDER.glob("*.md"):
        if left.name not in wanted:
            left.unlink()


if __name__ == "__main__":
    main()
