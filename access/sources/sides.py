"""What is compared, from where it stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from access import default
from access.diff.changes import Side
from access.snapshot import Principal, PrincipalKind, Snapshot
from access.sources import declared, held, hosted, tokens
from access.sources.facts import Fact, facts
from access.sources.reader import Reader
from containment import names
from containment.ports import CodeHost
from policies.errors import InputError
from policies.model import CiRole, Estate, Workload

Unread: TypeAlias = tuple[str, ...]
"""In words."""
_DEFAULT = (PrincipalKind.POLICY, default.NAME)


def of_declarations(estate: Estate) -> Side:
    identities: list[Workload | CiRole] = [*estate.workloads, *estate.ci_roles]
    return Side(
        declared.snapshot(estate),
        facts(estate),
        environments={
            **{i.name: i.environment for i in identities},
            **{names.granted_path(s): s.environment for s in estate.secrets},
        },
        owners={names.granted_path(s): s.owner for s in estate.secrets},
        gate=names.GATE,
    )


def of_server(found: Snapshot, estate: Estate, reader: Reader, host: Callable[[], CodeHost]) -> tuple[Side, Unread]:
    """Paths, identities and mounts of the server and repositories of GitHub, judged by what the declarations say of
    them; and what could not be read of GitHub."""
    code = on_server(of_declarations(estate))
    facts = held.held(reader, estate, dict(code.facts))
    of_repositories, unread = _hosted(estate, host, dict(code.facts))
    there = replace(code, snapshot=apart(found), facts={**facts, **of_repositories})
    return there, unread


def apart(found: Snapshot) -> Snapshot:
    """The policy `default`, which every token has and no declaration gives, as a principal of its own and nobody
    else's; who differs by it alone is left out."""
    every = next((a for p in found.principals for a in p.attached if a.policy.name == default.NAME), None)
    principals = [
        replace(p, attached=tuple(a for a in p.attached if a.policy.name != default.NAME))
        for p in found.principals
        if not p.name.endswith(tokens.WITHOUT_DEFAULT) and (p.kind, p.name) != _DEFAULT
    ]
    return replace(found, principals=(*principals, *([Principal(*_DEFAULT, (every,))] if every else [])))


def _hosted(
    estate: Estate, host: Callable[[], CodeHost], declared: dict[tuple[str, str], Fact]
) -> tuple[dict[tuple[str, str], Fact], Unread]:
    if not estate.repositories:
        return {}, ()
    try:
        return hosted.held(host(), estate, declared)
    except InputError as error:
        return {}, (f"repositories: {error}",)


def on_server(declared: Side) -> Side:
    """To compare with a server, which knows no owner, tier or incident."""
    return replace(declared, facts={**held.asked(declared.facts), **hosted.asked(declared.facts)})


def answered(declared: Side, server: Side, *, applied: bool) -> Side:
    """`declared` without the repositories of which GitHub said nothing: they are not gone. With the policy `default` as
    a server makes it, or, if `applied`, as it is there: no apply changes it."""
    known = {subject for subject, _ in server.facts}
    facts = {key: fact for key, fact in declared.facts.items() if not hosted.is_asked(key) or key[0] in known}
    every = [a for p in server.snapshot.principals if (p.kind, p.name) == _DEFAULT for a in p.attached]
    made = every if applied else [replace(a, policy=default.made(a.policy)) for a in every]
    principals = (*declared.snapshot.principals, *(Principal(*_DEFAULT, (a,)) for a in made))
    return replace(declared, facts=facts, snapshot=replace(declared.snapshot, principals=principals))


def of_policies(found: Snapshot) -> Side:
    """Of policies in files alone nothing else is known; everything counts as production."""
    return Side(found)
