"""Login roles that no declaration has and that hand out an identity's own policy: by which a workload logged in before
its method was changed, or what is left of an identity that is declared nowhere any more.

What is replaced is what is declared, so whoever gets in by such a role would go on after it. The server says which
there are, no earlier estate: whoever deletes one has ended it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from containment import names
from containment.compiled import locked, logins
from containment.compiled.held import wrong
from containment.effects import identities, issuance
from containment.former import LONGEST
from containment.ports import Vault
from containment.report import Outcome
from containment.run import Run, Seen
from containment.undeclared import carriers
from containment.undeclared.carriers import Carrier
from policies.errors import PortcullisError, Unreachable
from policies.model import Estate

_WHAT = "former login ended"


def end(run: Run) -> None:
    """Of what leaked, replaced or not, and of what is declared nowhere. Any other is named: what leaked is denied to
    its tokens too (`strangers` says where it is not), and its identity may have what it is granted."""
    vault, falls = run.systems.vault, falling(run)

    def act(role: Carrier) -> Seen:
        if falls(role):
            return shut(vault, role.path)
        own = ", ".join(sorted(_own(role)))
        words = f"is declared nowhere and hands out {own}, whose identity is not what leaked: bao delete"
        run.progress(f"warning: {role.path} {words} {role.path}")
        return Outcome.ALREADY, f"{words} {role.path}"

    try:
        found = look(vault, run.estate)
    except PortcullisError as error:
        run.fail(_WHAT, "every login role", Unreachable(f"not judged: {error}"))
    else:
        run.each(_WHAT, [(_target(role.path), partial(act, role)) for role in found])


def falling(run: Run) -> Callable[[Carrier], bool]:
    """Whether one of them is ended."""
    leaked = {names.own_policy(i) for i in run.affected.leaked}
    declared = {names.own_policy(i) for i in logins.identities(run.estate)}
    return lambda role: bool(_own(role) & leaked or _own(role) - declared)


def _own(role: Carrier) -> set[str]:
    return {policy for policy in role.policies if policy.startswith(names.OWN)}


def _target(path: str) -> str:
    method, _, name = path.partition("/role/")
    return f"{name} ({method})"


def look(vault: Vault, estate: Estate) -> list[Carrier]:
    """Raises Unreachable."""
    declared = {names.login_role(identity) for identity in logins.identities(estate)}
    folders = (f"auth/{method}/role" for method in (names.APPROLE, names.JWT))
    found = (role for folder in folders for role in carriers.login_roles(vault, folder, declared.__contains__))
    return [role for role in found if _own(role)]


def shut(vault: Vault, path: str) -> Seen:
    """Nobody logs in by it any more. Raises Unreachable, with what an administrator does instead."""
    instead = f"bao delete {path}; then the same command again"
    try:
        held = vault.read(path)
        if held is None:
            return Outcome.ALREADY, "does not exist"
        if not _by_jwt(path) and not held.get("bind_secret_id"):
            return Outcome.FAILED, f"it asks for no secret_id: {instead}"
        close = partial(issuance.converge, wanted=locked.OFF_ROLE) if _by_jwt(path) else identities.destroy_secret_ids
        seen = close(vault, path)
        if not gives_batch(held):
            return seen
        life = held.get("token_max_ttl") or LONGEST
        words = f"batch tokens that it gave may live {life} s more, and nothing here denies them once it is replaced"
        return Outcome.FAILED, f"{words}: when they have passed, {instead}"
    except Unreachable as error:
        raise Unreachable(f"{error}: {instead}") from error


def gives_batch(role: Mapping[str, Any]) -> bool:
    """By whose own policy they are let in again once that is given back."""
    return str(role.get("token_type") or "").endswith("batch")


def lets_in(vault: Vault, path: str) -> bool:
    """Whether anybody may log in by it, or go on by a token that nobody can revoke."""
    held = vault.read(path)
    if held is None:
        return False
    if gives_batch(held):
        return True
    if _by_jwt(path):
        return bool(wrong(held, locked.OFF_ROLE))
    return not held.get("bind_secret_id") or bool(vault.keys(f"{path}/secret-id"))


def _by_jwt(path: str) -> bool:
    return path.startswith(f"auth/{names.JWT}/")
