"""Tokens that were out, revoked one by one and looked up until they are gone; response-wrapping tokens too, since one
made before the lock would still unwrap after it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from containment import names
from containment.compiled import logins
from containment.incidents.scope import leased_to
from containment.ports import Token
from containment.report import Outcome
from containment.run import Run, Seen
from policies.errors import PortcullisError
from policies.model import CiRole, Workload


def revoke(run: Run, since: int, leases: Callable[[], int]) -> int:
    """What was out before `since` (epoch seconds), and everything of a leaked identity and of one that is declared
    nowhere any more, but never the token this run and Pulumi beside it work with. Returns how many were found.

    `leases` revokes those of databases and returns how many it found. Before it come the tokens that have none, which
    wait for no database; the others after it, since a token takes its leases along without a word about each. Where a
    database is silent they come before it too: a token waits for the revocation of a lease of its own.
    """
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
        return leases()

    first = {t.role for t in found} if run.silent else _without_leases(run, {t.role for t in found})
    end(run, [t for t in found if t.role in first])
    number = leases()
    end(run, [t for t in found if t.role not in first])
    return number + len(found)


def _without_leases(run: Run, roles: set[str]) -> set[str]:
    """Of `roles`: declared identities that were granted no database secret."""
    declared = [i for i in logins.identities(run.estate) if i.name in roles]
    return {i.name for i in declared if not leased_to(i, run.estate) and not run.former.leased_to(i)}


def end(run: Run, found: Iterable[Token]) -> None:
    """Revoke each and look it up: the server answers 200 for a token that it never knew."""

    def one(token: Token) -> Seen:
        with run.asking(f"a database that token {token.accessor[:6]}… has leases of"):
            gone = run.systems.vault.revoke_token(token.accessor)
        return (Outcome.DONE, "looked up, gone") if gone else (Outcome.FAILED, "still looked up")

    run.each("token revoked", [(f"{t.role or t.path} {t.accessor[:6]}…", partial(one, t)) for t in found])
