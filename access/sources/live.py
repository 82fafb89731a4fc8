"""A server as it is: its policies, whom they are attached to, what its paths stand for. Reads and lists only.

Tokens are not looked at: one that was made by hand carries policies that are listed here, each by itself where it is
attached to nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

from access import served
from access.errors import PolicyError
from access.rule import ROOT_POLICY, Policy
from access.snapshot import Attached, Principal, PrincipalKind, Snapshot
from access.sources import engines, logins, tokens
from access.sources.identities import Identities
from access.sources.reader import Reader
from containment import names
from containment.compiled import operators
from containment.ports import Vault
from policies.errors import InputError, Unreachable
from policies.model import Estate


def snapshot(vault: Vault, estate: Estate | None = None) -> Snapshot:
    """With `estate`, login roles of declared identities go by their declared names. What is refused is in `unread`.

    Raises Unreachable when the server does not answer.
    """
    reader = Reader(vault)
    for namespace in reader.keys(names.NAMESPACES):
        reader.leave(f"namespace {namespace}", "what is in it is not read; each namespace has policies of its own")
    policies = {p.name: p for p in reader.each(reader.keys(names.POLICIES), lambda name: _policy(reader, name)) if p}
    methods = reader.read("sys/auth")
    identities = Identities(reader, policies)
    attached = [*logins.principals(reader, methods, policies, identities, estate), *identities.principals()]
    made, makes = tokens.read(reader, policies)
    stands_for, mounts = engines.read(reader)
    return Snapshot(
        (*attached, *made, *_by_themselves(policies.values(), attached)),
        stands_for={**stands_for, **makes},
        mounts=mounts,
        secrets={s.name: names.granted_path(s) for s in estate.secrets} if estate else {},
        unread=reader.unread,
    )


def chosen(vault: Vault, policies: Iterable[str], entity: str | None) -> Principal:
    """Policies by name as if one had them all, and an entity by name or id with what it and its groups add.

    Raises InputError for a name that is not there, Unreachable, also when a part may not be read.
    """
    reader = Reader(vault)
    wanted = tuple(policies)
    listed = dict.fromkeys((*wanted, *(reader.keys(names.POLICIES) if entity else ())))
    found = {p.name: p for p in reader.each(listed, lambda name: _policy(reader, name)) if p}
    identities = Identities(reader, found) if entity else None
    if reader.unread:
        raise Unreachable("\n".join(reader.unread))
    if missing := [name for name in wanted if name not in found]:
        raise InputError(f"no policy on the server is called {', '.join(map(repr, missing))}")
    attached = tuple(Attached(found[name], "asked for") for name in wanted)
    if identities is None or entity is None:
        return Principal(PrincipalKind.POLICY, ", ".join(wanted), attached)
    for one in identities.principals():
        if one.entity is not None and entity in (one.entity.name, one.entity.id):
            return replace(one, attached=(*attached, *one.attached))
    raise InputError(f"no entity on the server is called {entity!r}, or has that id")


def _policy(reader: Reader, name: str) -> Policy | None:
    """Without rules that have expired. None when it is gone or cannot be read, which is said."""
    path = names.policy_path(name)
    if name == ROOT_POLICY:
        return Policy(name, (), path)
    found = reader.read(path)
    try:
        return served.policy(found, name, path, datetime.fromtimestamp(reader.now, UTC)) if found else None
    except PolicyError as error:
        reader.leave(path, error.reason)
        return None


def _by_themselves(policies: Iterable[Policy], attached: Iterable[Principal]) -> Iterable[Principal]:
    used = {a.policy.name for p in attached for a in p.attached}
    for policy in policies:
        if policy.name in operators.POLICIES:
            through = "a token that an administrator makes"
            yield Principal(PrincipalKind.OPERATOR, policy.name, (Attached(policy, through),))
        elif policy.name not in used:
            through = "attached to nothing that logs in; whoever may make tokens gives it"
            yield Principal(PrincipalKind.POLICY, policy.name, (Attached(policy, through),))
