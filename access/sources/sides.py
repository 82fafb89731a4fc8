"""What is compared, from where it stands."""

from __future__ import annotations

from dataclasses import replace

from access.diff.changes import Side
from access.snapshot import Snapshot
from access.sources import declared, held, tokens
from access.sources.facts import facts
from access.sources.reader import Reader
from containment import names
from policies.model import CiRole, Estate, Workload


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


def of_server(found: Snapshot, estate: Estate, reader: Reader) -> Side:
    """Paths, identities and mounts of the server, judged by what the declarations say of them. The server's own
    `default` policy, which every token has, is declared nowhere and left out, and so is who differs by it alone."""
    principals = (
        replace(p, attached=tuple(a for a in p.attached if a.policy.name != "default"))
        for p in found.principals
        if not p.name.endswith(tokens.WITHOUT_DEFAULT)
    )
    code = on_server(of_declarations(estate))
    facts = held.held(reader, estate, dict(code.facts))
    return replace(code, snapshot=replace(found, principals=tuple(principals)), facts=facts)


def on_server(declared: Side) -> Side:
    """To compare with a server, which knows no owner, tier or incident. A repository that differs is drift, and
    `portcullis drift` finds it."""
    return replace(declared, facts=held.asked(declared.facts))


def of_policies(found: Snapshot) -> Side:
    """Of policies in files alone nothing else is known; everything counts as production."""
    return Side(found)
