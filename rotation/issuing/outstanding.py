"""What a role or a path has out, ended by hand: the effects of a lock-down on exactly what is named."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from containment import names
from containment.effects import database, tokens
from containment.incidents.incident import Incident, Scope, State
from containment.incidents.scope import affected
from containment.ports import Token, Vault
from containment.report import Outcome
from containment.run import Progress, Run, Seen, Systems
from policies.model import CiRole, DatabaseSecret, Estate, Workload

_SWEEPS = 3


def run(systems: Systems, estate: Estate, progress: Progress) -> Run:
    """Nobody's lock-down: nothing is in its scope, so that an effect touches only what it is given."""
    nobody = Incident("", Scope(everything=False), State.LIFTED, opened_at=0)
    return Run(systems, estate, (), nobody, progress, affected(estate, ()))


def tokens_of(vault: Vault, identity: CiRole | Workload) -> list[Token]:
    """However they were made: each carries the identity's own policy. The caller's own is never among them."""
    own, caller = names.own_policy(identity), vault.whoami()
    return [t for t in vault.tokens() if own in t.policies and t.accessor != caller and not t.batch]


def end_tokens(run: Run, name: str, find: Callable[[], list[Token]]) -> None:
    """Until none is found: a live secret_id logs in again in between."""
    for _ in range(_SWEEPS):
        found = find()
        tokens.end(run, found)
        if not found:
            return
    if find():
        run.effect("tokens revoked", name, partial(_still_coming, _SWEEPS))


def _still_coming(sweeps: int) -> Seen:
    return Outcome.FAILED, f"somebody logs in again: new ones after each of {sweeps} sweeps"


def end_role(run: Run, name: str, secret: DatabaseSecret) -> None:
    """Logins forbidden and sessions ended, leases revoked one by one, users gone."""
    roles = [(name, secret)]
    since = run.systems.vault.now() + 1
    users = database.shut_out(run, roles)
    for _ in range(_SWEEPS):
        if not database.revoke_leases(run, since, roles):
            break
    database.drop_users(run, users, since, roles)
