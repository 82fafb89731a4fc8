"""Whoever reaches what leaked past the gate: tokens and login roles that are declared nowhere.

The server itself says what a token may do (`sys/capabilities-accessor`), whatever its policies, groups and entity are.
A batch token has no accessor and shows nowhere: the policies that let one in are named (`foreign`).
"""

from __future__ import annotations

from functools import partial

from containment import names
from containment.effects import foreign, tokens
from containment.ports import Token
from containment.report import Outcome
from containment.run import Run, Seen
from policies.errors import PortcullisError
from policies.model import CiRole, Workload

_OWN = (f"{names.PREFIX}w-", f"{names.PREFIX}ci-", f"{names.PREFIX}b-")
_NOTHING = {"deny"}


def shut_out(run: Run) -> None:
    """Tokens are revoked, but never the one this run works with; a role is an administrator's, so it is named."""
    affected = run.affected
    paths = sorted({path for s in (*affected.denied, *affected.denied_class) for path in names.denied_paths(s)})
    try:
        # Listed anew: a token that was made since the sweeps is in none of their lists.
        operator = run.systems.vault.whoami()
        out = run.systems.vault.tokens() if paths else []
        found = [t for t in out if _past(t, operator) and _reaches(run, t, paths)]
    except PortcullisError as error:
        run.fail("past the gate", "tokens without it", error)
    else:
        tokens.end(run, found)
        word = f"{len(found)} reached what is denied" if found else "none reaches what is denied"
        run.effect("past the gate", "tokens without it", lambda: (Outcome.ALREADY, word))
    for method in (names.APPROLE, names.JWT):
        _roles(run, method)
    foreign.judge(run, paths)


def _past(token: Token, operator: str) -> bool:
    kept = token.accessor == operator or token.batch or token.wrapping
    return not kept and names.past_the_gate(token.policies)


def _reaches(run: Run, token: Token, paths: list[str]) -> bool:
    held = run.systems.vault.capabilities_of(token.accessor, paths)
    return held is not None and any(capabilities - _NOTHING for capabilities in held.values())


def _roles(run: Run, method: str) -> None:
    """Login roles of ours by policy and not by declaration, which hand out tokens that the gate does not bind."""
    vault = run.systems.vault
    identities: list[Workload | CiRole] = [*run.estate.workloads, *run.estate.ci_roles]
    declared = {i.name for i in identities if names.login_method(i) == method}

    def look(name: str) -> Seen:
        role = vault.read(f"auth/{method}/role/{name}") or {}
        policies = [*(role.get("token_policies") or ()), *(role.get("policies") or ())]
        owned = sorted({p for p in policies if p.startswith(_OWN)})
        if not owned or names.GATE in policies:
            return Outcome.ALREADY, "attaches nothing of ours, or the gate too"
        return Outcome.FAILED, f"attaches {', '.join(owned)} without {names.GATE}: delete it, or attach {names.GATE}"

    try:
        others = [name for name in vault.keys(f"auth/{method}/role") if name not in declared]
    except PortcullisError as error:
        run.fail("past the gate", f"{method} roles", error)
        return
    run.each("past the gate", [(f"{method} role {name}", partial(look, name)) for name in others])
