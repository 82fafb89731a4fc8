"""What decides access is everything that is not known to be harmless."""

from __future__ import annotations

import pytest

from policies.deciding import checkout, decides

DECLARED = "policies/access"
ABOVE = "infra/portcullis/"


@pytest.mark.parametrize(
    "file",
    [
        *(
            "policies/sql.py",
            "containment/compiled/operators.py",
            "stacks/a/b.py",
            "access/diff/code.py",
            "__main__.py",
        ),
        *("Pulumi.prod.yaml", "Makefile", "requirements.txt", "requirements-dev.in", "pyproject.toml", ".gitignore"),
        *(
            "policies/rego/portcullis/thresholds/data.yaml",
            "rotation/approving/token.py",
            "nobody/knows",
            "docs",
            "a.mdx",
        ),
        *("policies/access/__init__.py", "policies/access/production/a.rego", "policies/accessory/a.yaml", "x/docs/a"),
    ],
)
def test_code_does(file: str) -> None:
    assert decides(file, DECLARED)
    assert decides(ABOVE + file, ABOVE + DECLARED)
    assert not decides(f"others/{file}", ABOVE + DECLARED), "of others, in a larger repository"


@pytest.mark.parametrize(
    "file", ["docs/adr/a.md", "docs/a.py", "tests/unit/a.py", "reports/a", "README.md", "policies/rego/README.md"]
)
def test_what_is_harmless_does_not(file: str) -> None:
    assert not decides(file, DECLARED)
    assert not decides(ABOVE + file, ABOVE + DECLARED)


def test_a_declaration_is_compared_itself() -> None:
    assert not decides("policies/access/production/a.yaml", DECLARED)
    assert not decides("p.hcl", "."), "the whole repository is a folder of policies"
    assert not decides("declared/a.yaml", "declared")
    assert decides("elsewhere/a.py", "declared"), "whose code it is, nobody knows"


@pytest.mark.parametrize("file", [".github/workflows/apply.yml", ".github/CODEOWNERS", ".github/README.md"])
@pytest.mark.parametrize("declared", [DECLARED, ABOVE + DECLARED, "declared", "."])
def test_workflows_and_code_owners_do_wherever_the_product_stands(file: str, declared: str) -> None:
    assert decides(file, declared)


def test_where_the_product_stands() -> None:
    assert [checkout(d) for d in (DECLARED, ABOVE + DECLARED, "declared", ".")] == ["", "infra/portcullis", "", ""]
