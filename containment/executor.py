"""The lock-down itself, the same for `pulumi up` and `portcullis contain`. Observes before it acts, goes on past a
failing effect, and calls nothing contained that it has not seen refused or gone.

Order: prove the way out; deny (gate, quarantine) with leaked identities and upstream keys disabled beside it; stop
issuance; revoke tokens and leases one by one, end database sessions; sweep again; open the quarantine; probe.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial

from containment import gate, names
from containment.adapters.vault import epoch
from containment.incident import Incident
from containment.ports import Database, Lease, Token, Upstream, Vault
from containment.report import Effect, Outcome, Report
from containment.scope import Affected, affected
from policies.errors import PortcullisError
from policies.model import (
    INCIDENT_TTL_LIMIT,
    AuthMethod,
    CiRole,
    DatabaseSecret,
    Estate,
    KvSecret,
    SecretAccessPolicy,
    Workload,
)
from policies.model import Upstream as DeclaredUpstream

_WORKERS = 16
_SWEEPS = 3

Progress = Callable[[str], None]
Act = Callable[[], tuple[Outcome, str]]


@dataclass(frozen=True, slots=True)
class Systems:
    """Openers rather than connections: a system that is down fails its own effects and no others."""

    vault: Vault
    database: Callable[[str], Database]
    """By connection name."""
    upstream: Callable[[str], Upstream]
    """By upstream name."""


@dataclass
class _Run:
    systems: Systems
    estate: Estate
    open_incidents: tuple[Incident, ...]
    incident: Incident
    progress: Progress
    affected: Affected
    effects: list[Effect] = field(default_factory=list)

    def effect(self, what: str, target: str, act: Act) -> bool:
        """Run one effect; whatever it raises of ours becomes a named failure and the rest goes on."""
        try:
            outcome, detail = act()
        except PortcullisError as error:
            outcome, detail = Outcome.FAILED, str(error)
        self.effects.append(Effect(what, target, outcome, detail, time.time()))
        if outcome is not Outcome.ALREADY:
            self.progress(f"{outcome}: {what} {target}: {detail}")
        return outcome is not Outcome.FAILED

    def each(self, what: str, items: Iterable[tuple[str, Act]]) -> None:
        with ThreadPoolExecutor(_WORKERS) as pool:
            for future in [pool.submit(self.effect, what, target, act) for target, act in items]:
                future.result()


WAY_OUT = {
    f"sys/policies/acl/{names.GATE}": "update",
    f"sys/policies/acl/{names.QUARANTINE}": "update",
    f"{names.STORE}/data/incidents/x": "update",
    "auth/token/revoke-accessor": "update",
    "sys/leases/revoke": "update",
}
"""What lifting and containing need of the operator's own token."""


def way_out_missing(vault: Vault) -> tuple[str, ...]:
    """Paths on which the operator lacks what the way out needs; empty is proof that it exists."""
    have = vault.capabilities(list(WAY_OUT))
    return tuple(path for path, needed in WAY_OUT.items() if not have[path] & {needed, "root"})


def deny(
    systems: Systems, estate: Estate, incidents: tuple[Incident, ...], incident: Incident, progress: Progress
) -> list[Effect]:
    """The first step alone: gate and quarantine in force. Two writes, however many declarations there are."""
    run = _Run(systems, estate, incidents, incident, progress, affected(estate, incidents))
    run.effect("gate", names.GATE, lambda: _ensure_policy(systems.vault, names.GATE, gate.gate(run.affected)))
    if not incident.contained_at:
        run.effect(
            "quarantine",
            names.QUARANTINE,
            lambda: _ensure_policy(systems.vault, names.QUARANTINE, gate.quarantine(run.affected)),
        )
    return run.effects


def contain(
    systems: Systems, estate: Estate, incidents: tuple[Incident, ...], incident: Incident, progress: Progress
) -> tuple[Report, Incident]:
    """The whole lock-down for the open incidents, `incident` among them. Returns the report and the incident as the
    servers now hold it. Raises nothing of ours but for a record that cannot be written at all.
    """
    vault = systems.vault
    run = _Run(systems, estate, incidents, incident, progress, affected(estate, incidents))
    run.effects.extend(deny(systems, estate, incidents, incident, progress))
    if not incident.denied_at and all(e.outcome is not Outcome.FAILED for e in run.effects):
        incident = replace(incident, denied_at=vault.now())
        vault.write_incident(incident)
    with ThreadPoolExecutor(2) as pool:
        upstream = pool.submit(_disable_upstream, run)
        _disable_identities(run)
        upstream.result()
    _stop_issuance(run)
    operator = vault.whoami()
    users = _database_users(run)
    # Tokens and leases made after the first lock-down finished are the workloads' new ones: the gate and the TTL caps
    # rule them. A leaked identity or role gets no such grace until it is replaced.
    since = incident.contained_at or vault.now() + 1
    for _ in range(_SWEEPS):
        if not _revoke_tokens(run, operator, since) + _revoke_leases(run, since):
            break
    _end_users(run, users, since)
    swept = not any(e.outcome is Outcome.FAILED for e in run.effects)
    if swept:
        opened = run.effect(
            "quarantine opened",
            names.QUARANTINE,
            lambda: _ensure_policy(vault, names.QUARANTINE, gate.open_policy()),
        )
        swept = opened
    _probe(run)
    if swept and not incident.contained_at and not any(e.outcome is Outcome.FAILED for e in run.effects):
        incident = replace(incident, contained_at=vault.now())
        vault.write_incident(incident)
    return Report(incident.id, tuple(run.effects)), incident


def _failed(message: str) -> tuple[Outcome, str]:
    return Outcome.FAILED, message


def _ensure_policy(vault: Vault, name: str, text: str) -> tuple[Outcome, str]:
    if vault.read_policy(name) == text:
        return Outcome.ALREADY, "in force"
    vault.write_policy(name, text)
    if vault.read_policy(name) != text:
        return Outcome.FAILED, "written but not read back"
    return Outcome.DONE, f"in force, {text.count('capabilities')} rules"


def _disable_upstream(run: _Run) -> None:
    def disable(policy: SecretAccessPolicy, declared: DeclaredUpstream) -> tuple[Outcome, str]:
        account = declared.account
        upstream = run.systems.upstream(declared.name)
        live = upstream.live_keys(account, policy.name)
        for key in live:
            upstream.disable_key(account, key)
        left = upstream.live_keys(account, policy.name)
        if left:
            return Outcome.FAILED, f"still live: {', '.join(left)}"
        return (Outcome.DONE, f"{len(live)} disabled, none live") if live else (Outcome.ALREADY, "none live")

    run.each(
        "upstream key disabled",
        [(p.name, partial(disable, p, p.upstream)) for p in run.affected.denied if p.upstream],
    )


def _disable_identities(run: _Run) -> None:
    vault = run.systems.vault

    def disable(name: str) -> tuple[Outcome, str]:
        role = vault.read(f"auth/{names.APPROLE}/role/{name}/role-id")
        entity = vault.entity_of(role["role_id"], names.APPROLE) if role else None
        if entity is None:
            return Outcome.ALREADY, "has never logged in"
        path = f"identity/entity/id/{entity}"
        if (vault.read(path) or {}).get("disabled"):
            return Outcome.ALREADY, "disabled"
        vault.write(path, {"disabled": True})
        return (Outcome.DONE, "disabled") if (vault.read(path) or {}).get("disabled") else (Outcome.FAILED, "still on")

    def destroy(name: str) -> tuple[Outcome, str]:
        base = f"auth/{names.APPROLE}/role/{name}"
        accessors = vault.keys(f"{base}/secret-id")
        for accessor in accessors:
            vault.write(f"{base}/secret-id-accessor/destroy", {"secret_id_accessor": accessor})
        left = vault.keys(f"{base}/secret-id")
        if left:
            return Outcome.FAILED, f"{len(left)} secret_ids left"
        return (Outcome.DONE, f"{len(accessors)} destroyed") if accessors else (Outcome.ALREADY, "none")

    unreplaced = [
        w.name
        for w in run.affected.leaked_workloads
        if w.auth is AuthMethod.APPROLE and not any(w.name in i.opened for i in run.open_incidents)
    ]
    run.each("entity disabled", [(n, partial(disable, n)) for n in unreplaced])
    run.each("secret_ids destroyed", [(n, partial(destroy, n)) for n in unreplaced])


def ci_off(incident_ids: Iterable[str]) -> dict[str, str]:
    """The bound claims of a CI role that is off: no issuer sets this claim, so every login is refused."""
    return {names.CI_OFF_CLAIM: ",".join(sorted(incident_ids))}


def _same(held: object, wanted: object) -> bool:
    """Equal, or equal claims: the Terraform provider writes each as a list, split at commas."""
    if isinstance(held, dict) and isinstance(wanted, dict):
        return {k: _values(v) for k, v in held.items()} == {k: _values(v) for k, v in wanted.items()}
    return held == wanted


def _values(claim: object) -> list[str]:
    return sorted(str(v) for v in claim) if isinstance(claim, list) else sorted(str(claim).split(","))


def role_cap(policy: SecretAccessPolicy) -> int:
    return min(policy.incident_ttl, policy.ttl.max, INCIDENT_TTL_LIMIT)


def _stop_issuance(run: _Run) -> None:
    vault = run.systems.vault
    ids = [i.id for i in run.open_incidents]

    def converge(path: str, wanted: Mapping[str, object]) -> tuple[Outcome, str]:
        now = vault.read(path)
        if now is None:
            return Outcome.ALREADY, "does not exist"
        if all(_same(now.get(k), v) for k, v in wanted.items()):
            return Outcome.ALREADY, "in force"
        vault.write(path, dict(wanted))
        after = vault.read(path) or {}
        wrong = [k for k, v in wanted.items() if not _same(after.get(k), v)]
        return (Outcome.FAILED, f"not in force: {', '.join(wrong)}") if wrong else (Outcome.DONE, "in force")

    jwt = {"user_claim": "sub", "role_type": "jwt"}
    off = {"bound_claims": ci_off(ids), "token_ttl": 60, "token_max_ttl": 60, **jwt}
    run.each(
        "CI role off",
        [(c.name, partial(converge, f"auth/{names.JWT}/role/{c.name}", off)) for c in run.affected.ci_roles],
    )

    def cap(policy: SecretAccessPolicy, secret: DatabaseSecret) -> tuple[Outcome, str]:
        ttl = role_cap(policy)
        return converge(f"{secret.mount}/roles/{secret.role}", {"default_ttl": ttl, "max_ttl": ttl})

    run.each(
        "database role capped",
        [(p.name, partial(cap, p, p.secret)) for p in run.affected.secrets if isinstance(p.secret, DatabaseSecret)],
    )

    def cap_login(workload: Workload) -> tuple[Outcome, str]:
        ttl = {
            "token_ttl": min(workload.ttl.default, INCIDENT_TTL_LIMIT),
            "token_max_ttl": min(workload.ttl.max, INCIDENT_TTL_LIMIT),
        }
        claims = {"bound_claims": dict(workload.bound_claims), **jwt} if workload.auth is AuthMethod.JWT else {}
        return converge(f"auth/{workload.auth}/role/{workload.name}", {**ttl, **claims})

    run.each("login TTL capped", [(w.name, partial(cap_login, w)) for w in run.affected.workloads])


def _revoke_tokens(run: _Run, operator: str, since: int) -> int:
    """Revoke what was out before `since`, and everything of a leaked identity. Returns how many were found."""
    vault = run.systems.vault
    scoped: set[str] = {w.name for w in run.affected.workloads} | {c.name for c in run.affected.ci_roles}
    leaked = {w.name for w in run.affected.leaked_workloads if not any(w.name in i.opened for i in run.open_incidents)}
    identities: list[Workload | CiRole] = [*run.affected.workloads, *run.affected.ci_roles]
    own = {names.own_policy(i) for i in identities}

    def wanted(token: Token) -> bool:
        if token.accessor == operator or token.batch:
            return False
        ours = token.role in scoped or bool(own & set(token.policies)) or token.wrapping
        return ours and (token.created < since or token.role in leaked)

    try:
        found = [t for t in vault.tokens() if wanted(t)]
    except PortcullisError as error:
        message = str(error)
        run.effect("tokens revoked", "every identity in scope", partial(_failed, message))
        return 0

    def revoke(token: Token) -> tuple[Outcome, str]:
        gone = vault.revoke_token(token.accessor)
        return (Outcome.DONE, "looked up, gone") if gone else (Outcome.FAILED, "still looked up")

    run.each("token revoked", [(f"{t.role or t.path} {t.accessor[:6]}…", partial(revoke, t)) for t in found])
    return len(found)


def _revoke_leases(run: _Run, since: int) -> int:
    vault = run.systems.vault
    total = 0
    for policy in run.affected.secrets:
        if not isinstance(policy.secret, DatabaseSecret):
            continue
        prefix = names.granted_path(policy)
        try:
            leases = [lease for lease in vault.leases(prefix) if epoch(lease.issued) < since]
        except PortcullisError as error:
            message = str(error)
            run.effect("leases revoked", policy.name, partial(_failed, message))
            continue

        def revoke(lease: Lease) -> tuple[Outcome, str]:
            gone = vault.revoke_lease(lease.id)
            return (Outcome.DONE, "looked up, gone") if gone else (Outcome.FAILED, "still listed")

        # NOLOGIN first and committed, so that nobody reconnects while the server drops the user.
        run.each("lease revoked", [(f"{policy.name} {x.id[-6:]}", partial(revoke, x)) for x in leases])
        total += len(leases)
    return total


def _database_users(run: _Run) -> dict[str, list[str]]:
    """Users that exist now, by policy; logins forbidden and sessions ended before any lease is revoked."""
    users: dict[str, list[str]] = {}
    for policy in run.affected.secrets:
        secret = policy.secret
        if not isinstance(secret, DatabaseSecret):
            continue

        def shut(policy: SecretAccessPolicy = policy, secret: DatabaseSecret = secret) -> tuple[Outcome, str]:
            database = run.systems.database(secret.connection)
            cut = run.incident.contained_at
            found = [u for u in database.users(names.database_user_prefix(secret)) if not cut or user_epoch(u) < cut]
            users[policy.name] = found
            for user in found:
                database.forbid_login(user)
            left = sum(database.end_sessions(user) for user in found)
            if left:
                return Outcome.FAILED, f"{left} sessions still alive"
            return (Outcome.DONE, f"{len(found)} users, no session left") if found else (Outcome.ALREADY, "no user")

        run.effect("database sessions ended", policy.name, shut)
    return users


def _end_users(run: _Run, users: Mapping[str, list[str]], since: int) -> None:
    """After the leases: whatever user the server left behind (it owned objects) is reassigned and dropped."""
    for policy in run.affected.secrets:
        secret = policy.secret
        if not isinstance(secret, DatabaseSecret) or policy.name not in users:
            continue

        def end(policy: SecretAccessPolicy = policy, secret: DatabaseSecret = secret) -> tuple[Outcome, str]:
            database = run.systems.database(secret.connection)
            prefix = names.database_user_prefix(secret)
            left = [u for u in database.users(prefix) if u in users[policy.name] or user_epoch(u) < since]
            for user in left:
                database.forbid_login(user)
                database.end_sessions(user)
                database.drop(user)
            still = [u for u in database.users(prefix) if u in left]
            if still:
                return Outcome.FAILED, f"still exist: {', '.join(still)}"
            return (
                (Outcome.DONE, f"{len(users[policy.name])} gone") if users[policy.name] else (Outcome.ALREADY, "none")
            )

        run.effect("database users gone", policy.name, end)


def user_epoch(user: str) -> int:
    """When OpenBao made the user: the username template ends in the server's epoch seconds."""
    tail = user.rpartition("_")[2]
    return int(tail) if tail.isdigit() else 0


def _probe(run: _Run) -> None:
    """Try each denied path as a workload's new token would. A refusal counts only beside a read that is allowed."""
    vault = run.systems.vault

    def refused(policy: SecretAccessPolicy) -> tuple[Outcome, str]:
        holder = next((w for w in run.estate.workloads if any(g.workload == w.name for g in policy.grants)), None)
        if holder is None:
            return Outcome.ALREADY, "nobody is granted it"
        policies = names.token_policies(holder)
        path = names.granted_path(policy)
        status = vault.try_read(policies, path)
        control = vault.try_read(policies, "auth/token/lookup-self")
        if status == 403 and control == 200:
            return Outcome.ALREADY, f"probe: {path} 403 while a control read is 200"
        return Outcome.FAILED, f"probe: {path} answered {status}, control {control}"

    denied = {p.name: p for p in (*run.affected.denied, *run.affected.denied_class)}
    run.each("probe", [(name, partial(refused, p)) for name, p in denied.items() if isinstance(p.secret, KvSecret)])
