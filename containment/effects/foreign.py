"""Policies of others that grant what is denied: named, since only their keeper may write them (docs/adr/0010).

A batch token that carries one can be neither listed nor revoked, so what counts is the policy and not who is seen to
hold it: the server reads a policy's text anew for every token that names it.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from containment import names
from containment.compiled import logins, operators
from containment.incidents.scope import Affected
from containment.ports import Vault
from containment.report import Outcome
from containment.run import WORKERS, Run, Seen
from containment.undeclared.carriers import Carrier, carriers
from policies.errors import PortcullisError, Unreachable
from policies.model import Estate, KvSecret

if TYPE_CHECKING:
    from access.rule import Policy
    from access.template import Entity
    from containment.undeclared.foreign import Grants

_WHAT = "policies of others"
_NAMED = 10
"""More of those who give one policy are counted."""


def leaked_paths(affected: Affected) -> list[str]:
    """Of static secrets that leaked, replaced or not, since whoever read the old one past the gate would read the new
    one; and of what is denied as a class."""
    leaked = (policy for policy in affected.leaked_secrets if isinstance(policy.secret, KvSecret))
    return sorted({path for policy in (*leaked, *affected.denied_class) for path in names.denied_paths(policy)})


def judge(run: Run, paths: list[str]) -> None:
    """Of every policy that is not the product's (`names.foreign`), with the gate beside it or not, since that opens
    again; `paths` are sorted. One effect for each that grants one or cannot be judged, which is not contained; one for
    all others."""
    if not paths:
        return
    server = _Server(run.systems.vault, run.estate)
    try:
        found, nothing = _look(server, paths)
    except PortcullisError as error:
        run.fail(_WHAT, "not judged", error)
        return
    for name, grants in found.items():
        if isinstance(grants, PortcullisError):
            run.fail(_WHAT, name, Unreachable(f"not judged: {grants}"))
        else:
            run.effect(_WHAT, name, partial(_said, run, server, grants))
    run.effect(_WHAT, "all others", lambda: (Outcome.ALREADY, f"{nothing} grant nothing of what leaked"))


def granting(vault: Vault, paths: list[str], estate: Estate) -> list[str]:
    """Those that grant one of `paths` or cannot be judged, each in words, without the administrators'. Raises
    Unreachable."""
    found, _ = _look(_Server(vault, estate), sorted(paths))
    return [
        f"policy {name} is not judged: {one}" if isinstance(one, PortcullisError) else f"policy {name} {one.words()}"
        for name, one in found.items()
        if isinstance(one, PortcullisError) or not one.administrators
    ]


def _look(server: _Server, paths: list[str]) -> tuple[dict[str, Grants | PortcullisError], int]:
    """By name, those that grant one or cannot be judged; how many grant none. Raises Unreachable."""
    vault = server.vault
    _require(vault)
    own = {names.own_policy(identity) for identity in logins.identities(server.estate)}
    others = [name for name in vault.keys(names.POLICIES) if names.foreign(name, own)]
    now = datetime.fromtimestamp(vault.now(), UTC)
    with ThreadPoolExecutor(WORKERS) as pool:
        read = dict(zip(others, pool.map(partial(_read, vault, now), others), strict=True))
    found: dict[str, Grants | PortcullisError] = {}
    for name, policy in read.items():
        one = policy if policy is None or isinstance(policy, PortcullisError) else _granted(server, policy, paths)
        if one is not None:
            found[name] = one
    return found, len(others) - len(found)


def _require(vault: Vault) -> None:
    """Once, instead of one refusal for each. Raises Unreachable."""
    needed = {f"{names.POLICIES}/": "list", f"{names.POLICIES}/x": "read"}
    held = vault.capabilities(list(needed))
    lacks = [f"{capability} on {path}" for path, capability in needed.items() if not names.may(held[path], capability)]
    if lacks:
        raise Unreachable(
            f"permission denied: this token has no {', no '.join(lacks)}; an administrator writes "
            f"{operators.CONTAINMENT} anew, as this version has it"
        )


def _read(vault: Vault, now: datetime, name: str) -> Policy | PortcullisError | None:
    """None when it has expired."""
    from access import served  # not above: the model is not waited for by what denies first

    path = names.policy_path(name)
    try:
        answer = vault.read(path)
        if answer is None or answer["name"] != name:
            return Unreachable(f"vault: read {path}: listed, and not found")
        return served.policy(answer, name, path, now)
    except PortcullisError as error:
        return error


def _granted(server: _Server, policy: Policy, paths: Sequence[str]) -> Grants | None:
    from containment.undeclared import foreign

    entities = server.entities if foreign.near(policy, paths, templated=True) else ()
    return foreign.granted(policy, paths, entities)


def _said(run: Run, server: _Server, grants: Grants) -> Seen:
    name = grants.policy
    found, unread = server.carriers
    through = [str(c) for c in found if c.hands_out(name)]
    more = f" and {len(through) - _NAMED} more" if len(through) > _NAMED else ""
    given = (
        f"given by {', '.join(through[:_NAMED])}{more}"
        if through
        else "given by no role, entity or group that was read"
    )
    given += "".join(f" (not read: {said})" for said in unread)
    if grants.administrators:
        words = f"{grants.words()}, {given}; it may write {names.GATE} too: its holders are administrators"
        run.progress(f"warning: policy {name} {words}, whom no lock-down binds")
        return Outcome.ALREADY, words
    gone = f", or bao policy delete {shlex.quote(name)}" if name != "default" else ""
    if name.startswith(names.PREFIX):
        given += f"; it is declared nowhere, and {names.GATE} beside it denies only until that is replaced"
    return Outcome.FAILED, (
        f"{grants.words()}, {given}; batch tokens that carry it can be neither listed nor revoked: take the grant out "
        f"of it (bao policy write {shlex.quote(name)} FILE){gone}; then lock down again"
    )


class _Server:
    """What is read once, and only when a policy needs it."""

    def __init__(self, vault: Vault, estate: Estate) -> None:
        self.vault, self.estate = vault, estate

    @cached_property
    def carriers(self) -> tuple[list[Carrier], list[str]]:
        return carriers(self.vault)

    @cached_property
    def entities(self) -> tuple[Entity, ...] | None:
        """Those that are disabled too, which may be enabled again. None when they cannot be read."""
        from access import served

        try:
            groups = self._identities("group")
            return tuple(served.entity(entity, groups) for entity in self._identities("entity").values())
        except PortcullisError:
            return None

    def _identities(self, kind: str) -> dict[str, dict[str, Any]]:
        base = f"identity/{kind}/id"
        with ThreadPoolExecutor(WORKERS) as pool:
            found = pool.map(self.vault.read, [f"{base}/{key}" for key in self.vault.keys(base)])
            return {str(data["id"]): data for data in found if data is not None}
