"""Declarations as what Pulumi and the administrator put on a server of them, in peace or during incidents.

The texts of the policies come from where they are written for the server; only the identities' own are spelled out
grant by grant, so that each rule is found in its declaration. The server's `default` policy, which every token has
beside these, is declared nowhere and not among them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache

from access.policy import parse
from access.rule import Capability, Policy, Rule
from access.snapshot import Attached, Engine, Place, Principal, PrincipalKind, Snapshot, Target
from containment import names
from containment.compiled import gate, locked, operators
from containment.compiled.hcl import hcl
from containment.incidents.scope import Affected, affected
from policies import fields, sql
from policies.model import (
    INCIDENT_TTL_LIMIT,
    CiRole,
    DatabaseSecret,
    Estate,
    MountType,
    SecretAccessPolicy,
    Source,
    TokenType,
    Ttl,
    Workload,
)

KV, DATABASE = "kv-v2", "database"
BY_PRODUCT = "(portcullis)"
"""Source of a policy that is compiled and stands in no file."""
_PROBE_TTL = Ttl(120, 120)
_APPLY_TTL = Ttl(operators.APPLY_TTL, operators.APPLY_TTL)
_ISSUE_TTL = Ttl(INCIDENT_TTL_LIMIT, INCIDENT_TTL_LIMIT)


def snapshot(estate: Estate, during: Affected | None = None) -> Snapshot:
    """`during`: the open incidents, resolved; None is peace. Of a batch workload the generation that peace begins with
    is attached."""
    now = during or affected(estate, ())
    shared = {
        names.GATE: _compiled(gate.gate(now), names.GATE),
        names.QUARANTINE: _compiled(gate.quarantine(now), names.QUARANTINE),
    }
    ours = dict(shared)
    principals: list[Principal] = []
    identities: list[Workload | CiRole] = [*estate.workloads, *estate.ci_roles]
    for identity in identities:
        policies = {**shared, **_own(identity, estate, now)}
        ours |= policies
        principals.append(_identity(identity, now, policies))
        if operators.issuable(identity):
            allowed = [policies[name] for name in names.token_policies(identity)]
            principals += _choices(names.issue_role(identity), allowed, _ISSUE_TTL, _place(identity.source))
    principals += _choices(names.PROBE_ROLE, ours.values(), _PROBE_TTL)
    keepers = tuple(_operators(estate))
    operator = [a.policy for k in keepers if k.name == operators.OPERATOR for a in k.attached]
    principals += (*_choices(names.APPLY_ROLE, operator, _APPLY_TTL), *keepers)
    return Snapshot(
        tuple(principals),
        stands_for=dict(_stands_for(estate, now)),
        mounts={
            **{m.name: KV if m.type is MountType.KV else DATABASE for m in estate.mounts},
            names.STORE: KV,
        },
        secrets={s.name: names.granted_path(s) for s in estate.secrets},
    )


def own_policy(identity: Workload | CiRole, estate: Estate, now: Affected) -> Policy:
    """As `containment.compiled.gate.own_policy` writes it, one rule a grant."""
    name = names.own_policy(identity)
    if now.is_shut(identity):
        return _compiled(gate.open_policy(), name)
    rules = tuple(_read(identity, estate) if isinstance(identity, CiRole) else _granted(identity, estate, now))
    if not rules:
        return _compiled(gate.open_policy(), name)
    return Policy(name, rules, identity.source.file)


def _granted(workload: Workload, estate: Estate, now: Affected) -> Iterator[Rule]:
    for policy in estate.granted.get(workload.name, ()):
        if now.is_denied(policy):
            continue
        for number, grant in enumerate(policy.grants):
            if grant.workload == workload.name:
                capabilities = frozenset(Capability(c.value) for c in grant.capabilities)
                yield _rule(policy, capabilities, workload, policy.source, f"spec.grants[{number}]")


def _read(role: CiRole, estate: Estate) -> Iterator[Rule]:
    for policy in estate.secrets:
        if policy.name in role.secrets:
            field = f"spec.secrets[{role.secrets.index(policy.name)}]"
            yield _rule(policy, frozenset({Capability.READ}), role, role.source, field)


def _rule(
    policy: SecretAccessPolicy,
    capabilities: frozenset[Capability],
    identity: Workload | CiRole,
    source: Source,
    field: str,
) -> Rule:
    place = _place(source, field)
    return Rule(names.granted_path(policy), capabilities, names.own_policy(identity), place.file, place.line)


def _place(source: Source, field: str = "") -> Place:
    """Without the lines of its fields, which are not kept on a server, that of the name."""
    known = field and source.lines
    return Place(source.file, fields.line(source.lines, field) if known else source.line)


def _own(identity: Workload | CiRole, estate: Estate, now: Affected) -> dict[str, Policy]:
    own = own_policy(identity, estate, now)
    if isinstance(identity, CiRole) or identity.tokens is not TokenType.BATCH:
        return {own.name: own}
    name, text = names.generation_policy(identity, 0), gate.generation(identity, estate, closed=False)
    return {own.name: own, name: _compiled(text, name)}


def _identity(identity: Workload | CiRole, now: Affected, policies: dict[str, Policy]) -> Principal:
    through = f"role {names.login_role(identity)}, token_policies"
    capped = isinstance(identity, Workload) and now.in_scope(identity)
    ttl = locked.login_ttl(identity.ttl) if capped else identity.ttl
    return Principal(
        PrincipalKind.WORKLOAD if isinstance(identity, Workload) else PrincipalKind.CI_ROLE,
        identity.name,
        tuple(Attached(policies[name], through) for name in names.token_policies(identity)),
        place=_place(identity.source),
        ttl=locked.OFF_TTL if now.is_shut(identity) else ttl,
    )


def _choices(role: str, policies: Iterable[Policy], ttl: Ttl, place: Place | None = None) -> Iterator[Principal]:
    """One for each policy that the token role allows."""
    path = f"auth/token/roles/{role}"
    for policy in policies:
        attached = Attached(policy, f"role {path}, allowed_policies")
        yield Principal(PrincipalKind.TOKEN_ROLE, f"{path} with {policy.name}", (attached,), place=place, ttl=ttl)


@cache
def _compiled(text: str, name: str) -> Policy:
    """Most of them are the same text on both sides of a diff."""
    return parse(text, BY_PRODUCT, name=name)


def _operators(estate: Estate) -> Iterator[Principal]:
    """Compiled from the declarations too, and put on the server by an administrator."""
    for name, paths in operators.keepers(estate).items():
        policy = _compiled(hcl(paths), name)
        yield Principal(PrincipalKind.OPERATOR, name, (Attached(policy, "a token that an administrator makes"),))


def _stands_for(estate: Estate, now: Affected) -> Iterator[tuple[str, Target]]:
    for policy in estate.secrets:
        if isinstance(policy.secret, DatabaseSecret):
            limit = locked.role_ttl(policy)
            target = Target(
                Engine.DATABASE,
                policy.secret.role,
                policy.secret.connection,
                tuple(sql.creation(policy.secret.grant)),
                (sql.group(policy.secret.grant),),
                Ttl(limit, limit) if now.in_scope(policy) else policy.ttl,
                place=_place(policy.source, "spec.secret"),
            )
            yield names.granted_path(policy), target
    identities: list[Workload | CiRole] = [*estate.workloads, *estate.ci_roles]
    for identity in identities:
        if operators.issuable(identity):
            target = Target(
                Engine.TOKEN,
                names.issue_role(identity),
                groups=tuple(names.token_policies(identity)),
                ttl=_ISSUE_TTL,
                place=_place(identity.source),
            )
            yield f"auth/token/create/{names.issue_role(identity)}", target
    probing = Target(Engine.TOKEN, names.PROBE_ROLE, groups=(f"{names.PREFIX}*",), ttl=_PROBE_TTL)
    yield f"auth/token/create/{names.PROBE_ROLE}", probing
    applying = Target(Engine.TOKEN, names.APPLY_ROLE, groups=(operators.OPERATOR,), ttl=_APPLY_TTL)
    yield f"auth/token/create/{names.APPLY_ROLE}", applying
