"""Nothing new for what leaked, nothing long-lived for the rest: roles off in place, TTLs capped. It stops no token that
is out; revocation comes after it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from containment import generations, locked, names
from containment.report import Outcome
from containment.run import Run, Seen
from policies.model import AuthMethod, CiRole, DatabaseSecret, SecretAccessPolicy, TokenType, Ttl, Workload

_JWT = {"user_claim": "sub", "role_type": "jwt"}


def stop(run: Run) -> None:
    vault = run.systems.vault

    def converge(path: str, wanted: Mapping[str, object]) -> Seen:
        now = vault.read(path)
        if now is None:
            return Outcome.ALREADY, "does not exist"
        if all(_same(now.get(k), v) for k, v in wanted.items()):
            return Outcome.ALREADY, "in force"
        vault.write(path, dict(wanted))
        after = vault.read(path) or {}
        wrong = [k for k, v in wanted.items() if not _same(after.get(k), v)]
        return (Outcome.FAILED, f"not in force: {', '.join(wrong)}") if wrong else (Outcome.DONE, "in force")

    def off(identity: CiRole | Workload) -> Seen:
        claims = locked.ci_off(i.id for i in run.affected.open)
        ttl = _ttl(locked.OFF_TTL)
        return converge(f"auth/{names.JWT}/role/{identity.name}", {"bound_claims": claims, **ttl, **_JWT})

    def cap(policy: SecretAccessPolicy, secret: DatabaseSecret) -> Seen:
        ttl = locked.role_ttl(policy)
        return converge(f"{secret.mount}/roles/{secret.role}", {"default_ttl": ttl, "max_ttl": ttl})

    def cap_login(workload: Workload) -> Seen:
        wanted: dict[str, object] = _ttl(locked.login_ttl(workload.ttl))
        if workload.auth is AuthMethod.JWT:
            wanted |= {"bound_claims": dict(workload.bound_claims), **_JWT}
        if workload.tokens is TokenType.BATCH:
            number = generations.current(workload, run.estate, run.incidents)
            wanted["token_policies"] = names.token_policies(workload, number)
        return converge(f"auth/{workload.auth}/role/{workload.name}", wanted)

    jwt_off = [w for w in run.affected.unreplaced_workloads if w.auth is AuthMethod.JWT]
    run.each("CI role off", [(c.name, partial(off, c)) for c in run.affected.ci_roles])
    run.each("login off", [(w.name, partial(off, w)) for w in jwt_off])
    run.each(
        "database role capped",
        [(p.name, partial(cap, p, p.secret)) for p in run.affected.secrets if isinstance(p.secret, DatabaseSecret)],
    )
    run.each("login TTL capped", [(w.name, partial(cap_login, w)) for w in run.affected.workloads if w not in jwt_off])


def _ttl(ttl: Ttl) -> dict[str, object]:
    return {"token_ttl": ttl.default, "token_max_ttl": ttl.max}


def _same(held: object, wanted: object) -> bool:
    """Equal, or equal claims: the Terraform provider writes each as a list, split at commas."""
    if isinstance(held, dict) and isinstance(wanted, dict):
        return {k: _values(v) for k, v in held.items()} == {k: _values(v) for k, v in wanted.items()}
    if isinstance(held, list) and isinstance(wanted, list):
        return sorted(held) == sorted(wanted)
    return held == wanted


def _values(claim: object) -> list[str]:
    return sorted(str(v) for v in claim) if isinstance(claim, list) else sorted(str(claim).split(","))
