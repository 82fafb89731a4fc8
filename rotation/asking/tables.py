"""Answers as tables for people. Whatever a name or a policy contains, it shows as plain text."""

from __future__ import annotations

from collections.abc import Iterable

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from access.acl import Explanation
from access.questions import Held, Perhaps, Reach
from access.rule import UNCONSTRAINED, Capability, Constraints, Rule
from access.snapshot import Principal, Target
from policies.plain import plain
from rotation.asking import documents

_WIDE = 140
"""Columns, where no terminal says how many there are."""


def show(title: str, columns: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    table = Table(box=SIMPLE_HEAD, title=Text(plain(title)), title_justify="left", title_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text("\n".join(map(plain, cell.split("\n")))) for cell in row))
    console = Console()
    if not console.is_terminal:
        console = Console(width=max(console.width, _WIDE))
    console.print(table)


def say(text: str) -> None:
    Console(soft_wrap=True).print(Text(plain(text)))


def capabilities(found: Iterable[Capability]) -> str:
    return ", ".join(documents.capabilities(found)) or "none"


def where(rule: Rule) -> str:
    return rule.policy if rule.source.startswith("(") else f"{rule.policy}  {rule.source}:{rule.line}"


def explained(found: Explanation, unresolved: Iterable[Rule]) -> None:
    say(f"{found.path}: {capabilities(found.capabilities)}")
    if not found.rules:
        say("the root policy decides" if Capability.ROOT in found.capabilities else "no rule matches")
    rows = [("decides", r.path, capabilities(r.capabilities), where(r), _must(r.constraints)) for r in found.rules]
    for s in found.shadowed:
        why = str(s.precedence or documents.DENY_WINS)
        rows.append(("shadowed", s.rule.path, capabilities(s.rule.capabilities), where(s.rule), why))
    for r in unresolved:
        rows.append(("left out", r.path, capabilities(r.capabilities), where(r), "a value of the entity is not known"))
    if rows:
        show("", ("", "path", "capabilities", "written in", "why"), rows)


def reaches(path: str, found: Iterable[Reach]) -> None:
    """A row for each of them and each set of capabilities that one has."""
    together: dict[tuple[str, str, str, str], list[str]] = {}
    for r in found:
        written = "\n".join(where(rule) for rule in r.rules)
        key = (str(r.principal), capabilities(r.capabilities), "\n".join(r.through), written)
        together.setdefault(key, []).append(r.path)
    rows = [(who, can, "\n".join(paths), way, at) for (who, can, way, at), paths in together.items()]
    if rows:
        show(path, ("who", "capabilities", "path", "through", "written in"), rows)
    else:
        say(f"{path}: nobody reaches it")


def perhaps(found: Iterable[Perhaps]) -> None:
    for p in found:
        can = capabilities(p.rule.capabilities)
        say(f"perhaps, by who logs in: {p.principal} at {p.path}: {can}, by {p.rule.path} ({where(p.rule)})")


def held(who: Principal, found: Iterable[Held]) -> None:
    rows = []
    for h in found:
        ways = dict.fromkeys(way for r in h.grant.rules for way in who.through(r.policy))
        meaning = "\n".join(dict.fromkeys(stands_for(target) for _, target in h.stands_for))
        policies = "\n".join(where(r) for r in h.grant.rules)
        rows.append((h.grant.pattern.text, capabilities(h.grant.capabilities), meaning, "\n".join(ways), policies))
    if Capability.ROOT in who.acl.capabilities("sys/raw"):
        say(f"{who}: root, which may do everything")
    elif rows:
        show(str(who), ("path", "capabilities", "stands for", "through", "written in"), rows)
    else:
        say(f"{who}: reaches nothing")
    for rule in who.acl.unresolved:
        say(f"left out, since a value of the entity is not known: {rule.path} ({where(rule)})")


def stands_for(target: Target) -> str:
    parts = [f"{target.engine} role {target.role}" if target.engine != "transit" else f"transit key {target.role}"]
    if target.connection:
        parts.append(f"on {target.connection}")
    if target.groups:
        parts.append(f"as {', '.join(target.groups)}")
    if target.ttl:
        parts.append(f"for {target.ttl.default} s, {target.ttl.max} s at most")
    parts += [f"{name} {value}" for name, value in target.settings]
    return "; ".join(parts)


def _must(found: Constraints) -> str:
    if found == UNCONSTRAINED:
        return ""
    return "\n".join(f"{name}: {value}" for name, value in documents.constraints(found).items())
