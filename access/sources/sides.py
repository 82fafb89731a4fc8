"""What is compared, from where it stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from access.diff.changes import Side
from access.snapshot import Snapshot
from access.sources import declared, held, hosted, tokens
from access.sources.facts import Fact, facts
from access.sources.reader import Reader
from containment import names
from containment.ports import CodeHost
from policies.errors import InputError
from policies.model import CiRole, Estate, Workload

Unread: TypeAlias = tuple[str, ...]
"""In words."""


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
    them; and what could not be read of GitHub. The server's own `default` policy, which every token has, is declared
    nowhere and left out, and so is who differs by it alone."""
    principals = (
        replace(p, attached=tuple(a for a in p.attached if a.policy.name != "default"))
        for p in found.principals
        if not p.name.endswith(tokens.WITHOUT_DEFAULT)
    )
    code = on_server(of_declarations(estate))
    facts = held.held(reader, estate, dict(code.facts))
    of_repositories, unread = _hosted(estate, host, dict(code.facts))
    there = replace(code, snapshot=replace(found, principals=tuple(principals)), facts={**facts, **of_repositories})
    return there, unread


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


def answered(declared: Side, server: Side) -> Side:
    """`declared` without the repositories of which GitHub said nothing: they are not gone."""
    known = {subject for subject, _ in server.facts}
    facts = {key: fact for key, fact in declared.facts.items() if not hosted.is_asked(key) or key[0] in known}
    return replace(declared, facts=facts)


def of_policies(found: Snapshot) -> Side:
    """Of policies in files alone nothing else is known; everything counts as production."""
    return Side(found)
