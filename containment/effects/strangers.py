"""Whoever reaches what leaked past the gate: tokens and login roles that are declared nowhere.

The server itself says what a token may do (`sys/capabilities-accessor`), whatever its policies, groups and entity are.
A batch token has no accessor and shows nowhere: the policies that let one in are named (`foreign`).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from access.globs import like
from containment import carriers, names
from containment.effects import foreign, tokens
from containment.ports import Token
from containment.report import Outcome
from containment.run import Run, Seen
from policies.errors import PortcullisError, Unreachable
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
    _roles(run)
    foreign.judge(run, paths)


def _past(token: Token, operator: str) -> bool:
    kept = token.accessor == operator or token.batch or token.wrapping
    return not kept and names.past_the_gate(token.policies)


def _reaches(run: Run, token: Token, paths: list[str]) -> bool:
    held = run.systems.vault.capabilities_of(token.accessor, paths)
    return held is not None and any(capabilities - _NOTHING for capabilities in held.values())


def _roles(run: Run) -> None:
    """Roles of any login method, and token roles, that are ours by policy and not by declaration, and hand out tokens
    that the gate does not bind."""
    identities: list[Workload | CiRole] = [*run.estate.workloads, *run.estate.ci_roles]
    declared = {names.login_role(identity) for identity in identities}
    ours = f"auth/token/roles/{names.PREFIX}"  # an administrator's, made for this (operators.issue_role, probe_role)
    held = carriers.roles(run.systems.vault, lambda path: path in declared or path.startswith(ours))
    for said in held.unread:
        run.fail("past the gate", "roles", Unreachable(f"not judged: {said}"))
    for said in held.unknown:
        run.progress(f"warning: {said}: whether they attach policies of ours without {names.GATE} was not seen")
    run.each("past the gate", [(carrier.path, partial(_judged, carrier, identities)) for carrier in held.found])


def _judged(carrier: carriers.Carrier, identities: Sequence[Workload | CiRole]) -> Seen:
    owned = sorted({policy for policy in carrier.policies if policy.startswith(_OWN)})
    owned += [glob for glob in carrier.globs if any(like(names.own_policy(i), glob) for i in identities)]
    if not owned or carrier.gated:
        return Outcome.ALREADY, "attaches nothing of ours, or the gate too"
    return Outcome.FAILED, f"attaches {', '.join(owned)} without {names.GATE}: delete it, or attach {names.GATE}"
