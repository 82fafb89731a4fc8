"""Tokens that were out, revoked one by one and looked up until they are gone; response-wrapping tokens too, since one
made before the lock would still unwrap after it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from containment import names
from containment.compiled import logins
from containment.ports import Token
from containment.report import Outcome
from containment.run import Run, Seen
from policies.errors import PortcullisError
from policies.model import CiRole, Workload


def revoke(run: Run, since: int) -> int:
    """What was out before `since` (epoch seconds), and everything of a leaked identity and of one that is declared
    nowhere any more, but never the token this run and Pulumi beside it work with. Returns how many were found."""
    vault = run.systems.vault
    identities: list[Workload | CiRole] = [*run.affected.workloads, *run.affected.ci_roles]
    scoped = {i.name for i in identities}
    own = {names.own_policy(i) for i in identities}
    declared = {names.own_policy(i) for i in logins.identities(run.estate)}
    leaked = {w.name for w in run.affected.unreplaced_workloads}
    jobs = run.affected.control_leaked or any(i.scope.everything for i in run.affected.open)

    def wanted(token: Token, kept: set[str]) -> bool:
        if token.accessor in kept or token.batch:
            return False
        if jobs and names.of_a_job(token.path, token.policies):
            return run.affected.control_leaked or token.created < since
        if any(policy not in declared and policy.startswith(names.OWN) for policy in token.policies):
            return True
        ours = token.role in scoped or bool(own & set(token.policies)) or token.wrapping
        return ours and (token.created < since or token.role in leaked)

    try:
        kept = {vault.whoami(), vault.beside() if jobs else ""}
        found = [t for t in vault.tokens() if wanted(t, kept)]
    except PortcullisError as error:
        run.fail("tokens revoked", "every identity in scope", error)
        return 0

    end(run, found)
    return len(found)


def end(run: Run, found: Iterable[Token]) -> None:
    """Revoke each and look it up: the server answers 200 for a token that it never knew."""

    def one(token: Token) -> Seen:
        gone = run.systems.vault.revoke_token(token.accessor)
        return (Outcome.DONE, "looked up, gone") if gone else (Outcome.FAILED, "still looked up")

    run.each("token revoked", [(f"{t.role or t.path} {t.accessor[:6]}…", partial(one, t)) for t in found])
