"""A fresh credential of half an hour at most, once everything of the role that was out is proven dead.

The caller's token asks, looks, revokes and reads database credentials; a role's own token is made by the minter's.
Order: OPA; revoke and look up; issue, unless an open incident pauses the role; hand over. Every wrong turn ends with
nothing new alive.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from containment import former, names
from containment.folder.decisions import Judge
from containment.incidents.incident import Incident, State
from containment.incidents.scope import leased_to
from containment.ports import Issued, Minter, Vault
from containment.report import Effect, Outcome, exit_code
from containment.run import Progress, Run, Systems
from policies.errors import Finding, PortcullisError, Unreachable
from policies.model import DatabaseSecret, Estate, SecretAccessPolicy
from rotation.issuing import outstanding, roles
from rotation.issuing.roles import Role

PACKAGE = "portcullis.issue"

Deliver = Callable[[Mapping[str, str]], None]


class Denied(Finding):
    """OPA does not allow it; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Result:
    """`issued` is None when it was paused, not proven or only tried, and `why` says so."""

    role: str
    incidents: tuple[str, ...]
    effects: tuple[Effect, ...]
    issued: Issued | None
    why: str
    dry: bool = False

    @property
    def exit_code(self) -> int:
        return 0 if self.issued or self.dry else exit_code(self.effects) or Finding.exit_code


def issue(
    systems: Systems,
    minter: Callable[[], Minter],
    estate: Estate,
    judge: Judge,
    role: Role,
    ttl: int,
    deliver: Deliver | None,
    progress: Progress,
) -> Result:
    """`ttl` in seconds; `deliver` gets the credential by field, None is a dry run. A paused role and a database secret
    need no `minter`.

    Raises Denied, InputError when there is no minter, or Unreachable when it may not issue, or OPA or the server cannot
    be asked, before anything changes; and whatever `deliver` raises, after the fresh credential was revoked again.
    """
    vault = systems.vault
    incidents = vault.incidents()
    paused = _judged(vault, estate, judge, role, ttl, incidents)
    make = None if paused else _maker(vault, minter, role, ttl)
    still_open = tuple(i.id for i in incidents if i.state is State.OPEN)
    run = outstanding.run(systems, estate, progress)
    if deliver is None:
        why = f"dry run: {_outstanding(vault, estate, role)} outstanding would be revoked, "
        why += f"nothing issued: {paused}" if paused else f"one of {ttl} s issued"
        return Result(role.key, still_open, (), None, why, dry=True)
    _revoke(run, role)
    if make is None or not run.clean:
        why = paused or "what was out is not proven dead"
        return Result(role.key, still_open, tuple(run.effects), None, f"nothing issued: {why}")
    fresh = make()
    try:
        _check(role, fresh, ttl)
        deliver(fresh.values)
    except BaseException as error:  # an interrupt too: nobody has it, so it must not live
        _end(vault, role, fresh, error)
        raise
    run.effect("credential issued", role.key, lambda: (Outcome.DONE, f"{fresh.ttl} s, {short(role, fresh)}"))
    return Result(role.key, still_open, tuple(run.effects), fresh, "")


def _judged(vault: Vault, estate: Estate, judge: Judge, role: Role, ttl: int, incidents: Sequence[Incident]) -> str:
    """Why the role is paused, or "". A pause alone does not stop revoking, so a denial is asked again without it."""
    entitled = role.capability in vault.capabilities([role.path])[role.path]
    requester = roles.Requester(f"token {vault.whoami()[:6]}", vault.login_path(), entitled)
    asked = roles.question(role, ttl, requester, vault.now(), estate, incidents)
    decision = judge.decide(PACKAGE, asked)
    if decision.allow:
        return ""
    unpaused = {**asked, "incidents": [{**i, "paused_roles": []} for i in asked["incidents"]]}
    if unpaused == asked or not judge.decide(PACKAGE, unpaused).allow:
        raise Denied(f"denied: {'; '.join(decision.reasons)}; nothing was changed")
    return "; ".join(decision.reasons)


def _outstanding(vault: Vault, estate: Estate, role: Role) -> int:
    leases = sum(len(vault.leases(names.credentials(s))) for _, s in _roles(estate, role, former.read(vault)))
    if isinstance(role.what, SecretAccessPolicy):
        return leases
    return len(outstanding.tokens_of(vault, role.what)) + leases


def _revoke(run: Run, role: Role) -> None:
    before, identity = former.read(run.systems.vault), role.what
    if not isinstance(identity, SecretAccessPolicy):
        outstanding.end_tokens(run, role.key, lambda: outstanding.tokens_of(run.systems.vault, identity))
    for name, secret in _roles(run.estate, role, before):
        outstanding.end_role(run, name, secret)
    for words in before.unread:
        run.fail("declared before", "what may be out of it", Unreachable(words))


def _roles(estate: Estate, role: Role, before: former.Former) -> list[tuple[str, DatabaseSecret]]:
    """Database roles of which it may have something out, by what is declared and by what was before."""
    if isinstance(role.what, SecretAccessPolicy):
        policies, then = [role.what], before.places(role.what.name)
    else:
        policies, then = leased_to(role.what, estate), before.leased_to(role.what)
    now = [(p.name, p.secret) for p in policies if isinstance(p.secret, DatabaseSecret)]
    past = [(n, former.connected(s, estate)) for n, s in then]
    found = {(s.mount, s.role, s.connection): (f"{n} (was {s.mount}/{s.role})", s) for n, s in past}
    return list({**found, **{(s.mount, s.role, s.connection): (n, s) for n, s in now}}.values())


def _maker(vault: Vault, minter: Callable[[], Minter], role: Role, ttl: int) -> Callable[[], Issued]:
    """How the credential is made. Raises InputError or Unreachable when it could not be."""
    if isinstance(role.what, SecretAccessPolicy):
        return partial(_lease, vault, role, ttl)
    opened, token_role = minter(), names.issue_role(role.what)
    opened.require(token_role)
    return partial(opened.create_token, token_role, ttl)


def _lease(vault: Vault, role: Role, ttl: int) -> Issued:
    fresh = vault.lease(role.path)
    try:
        return replace(fresh, ttl=vault.renew(fresh.handle, ttl))
    except PortcullisError as error:
        _end(vault, role, fresh, error)
        raise


def _check(role: Role, fresh: Issued, ttl: int) -> None:
    """What the server gave against what was asked of it."""
    if fresh.ttl > ttl:
        raise Finding(f"the server gave {fresh.ttl} s instead of {ttl} s")
    if not isinstance(role.what, SecretAccessPolicy):
        wanted = {*names.token_policies(role.what), "default"}
        if set(fresh.policies) != wanted:
            raise Finding(f"the token has other policies than the role: {', '.join(sorted(fresh.policies))}")


def _end(vault: Vault, role: Role, fresh: Issued, because: BaseException) -> None:
    """Take a credential back that nobody got. Raises Finding when it is not proven gone, Unreachable when the server
    cannot be asked to end it."""
    lease, why = isinstance(role.what, SecretAccessPolicy), str(because) or type(because).__name__
    try:
        gone = vault.revoke_lease(fresh.handle) if lease else vault.revoke_token(fresh.handle)
    except PortcullisError as error:
        raise Unreachable(
            f"{why}; and the fresh credential may live, {fresh.ttl} s at most: {short(role, fresh)}: {error}; the same "
            "command again revokes it"
        ) from because
    if not gone:
        raise Finding(f"{why}; and the fresh credential is still alive: {short(role, fresh)}") from because


def short(role: Role, fresh: Issued) -> str:
    """A lease id is no secret; of an accessor, which can revoke, a few letters are enough to find it."""
    return f"lease {fresh.handle}" if isinstance(role.what, SecretAccessPolicy) else f"accessor {fresh.handle[:6]}…"
