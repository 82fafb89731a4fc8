"""Names and paths that the product puts on the servers, in one place."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from urllib.parse import quote

from policies.model import KV_SUBPATHS, CiRole, DatabaseSecret, KvSecret, SecretAccessPolicy, TokenType, Workload

PREFIX = "pc-"
GATE = "pc-gate"
QUARANTINE = "pc-quarantine"
SHARED = (GATE, QUARANTINE)
"""On every workload and CI identity, beside its own policy."""

STORE = "portcullis"
"""KV v2 mount that holds incident records and the compiled estate; no value is in it but a rotation's candidate."""

CANDIDATES = "candidates"
"""Folder of the store where a generated value waits until it is in place: `<incident>/<name>`, the rotator's alone."""


def evidence_head(incident_id: str) -> str:
    """Where the server keeps the head of an incident's evidence; KV version 2 keeps the heads before it too."""
    return f"{STORE}/data/evidence/{incident_id}"


APPROLE = "approle"
JWT = "jwt"
AUDIENCE = "portcullis"
"""Whom a JWT that logs in is meant for."""
PROBE_ROLE = "pc-probe"
"""Token role under which the executor makes short tokens to try what a workload's token would be refused."""

APPLY_ROLE = "pc-apply"
"""Token role under which an approval makes the operator's token that applies what was approved (docs/adr/0011)."""

ISSUE_PREFIX = f"{PREFIX}issue-"
"""Token roles that an administrator makes, one an identity: what is issued through one has that identity's policies
and no others, and ends within half an hour."""

CI_OFF_CLAIM = "portcullis_off"
"""A claim no issuer sets: binding a JWT role to it switches the role off in place."""


def may(capabilities: Collection[str], needed: str = "update") -> bool:
    """Of what the server says that a token may do at one path: root's word is "root" alone."""
    return needed in capabilities or "root" in capabilities


KEEPERS = frozenset(
    f"portcullis-{who}" for who in ("operator", "break-glass", "containment", "rotator", "prober", "approver", "drift")
)
"""Policies of the product's own identities (`containment.compiled.operators`). No other name that begins so is one."""


def of_a_job(path: str, policies: Iterable[str]) -> bool:
    """Of a token: whether a job of the control repository logged in for it as one of the product's own identities, or
    made it, as `apply.yml` does."""
    return path == f"auth/token/create/{APPLY_ROLE}" or (
        path == f"auth/{JWT}/login" and not KEEPERS.isdisjoint(policies)
    )


def past_the_gate(policies: Iterable[str]) -> bool:
    """Of a token: whether the gate does not bind it, and it is neither root's nor one of the product's own, which are
    their keepers' to guard (ARCHITECTURE.md)."""
    return not any(p in (GATE, "root") or p in KEEPERS for p in policies)


def foreign(policy: str, own: Collection[str]) -> bool:
    """Whether what it grants is nobody's here: neither its keepers', nor one of the identities' own policies, `own`.
    Whatever else the product writes grants nothing, so one that does is somebody else's, whatever it is called."""
    return past_the_gate((policy,)) and policy not in own


POLICIES = "sys/policies/acl"
RATE_LIMITS = "sys/quotas/rate-limit"
FLOOD_LIMIT = "incident"
"""What whoever works an incident calls the one that is to go with it (docs/incident_playbooks.md)."""
NAMESPACES = "sys/namespaces"
"""Lists those right below this one."""


def policy_path(policy: str) -> str:
    """Whatever somebody called it: a question mark would end the path, and another policy be read."""
    return f"{POLICIES}/{quote(policy)}"


def own_policy(identity: Workload | CiRole) -> str:
    return f"{PREFIX}ci-{identity.name}" if isinstance(identity, CiRole) else f"{PREFIX}w-{identity.name}"


OWN = (f"{PREFIX}w-", f"{PREFIX}ci-")
"""How an identity's own policy begins."""


def generation_policy(workload: Workload, generation: int) -> str:
    return f"{PREFIX}b-{workload.name}-{generation}"


def login_method(identity: Workload | CiRole) -> str:
    return identity.auth.value if isinstance(identity, Workload) else JWT


def login_role(identity: Workload | CiRole) -> str:
    """API path of the role that the identity logs in by."""
    return f"auth/{login_method(identity)}/role/{identity.name}"


def issue_role(identity: Workload | CiRole) -> str:
    return ISSUE_PREFIX + own_policy(identity).removeprefix(PREFIX)


def token_policies(identity: Workload | CiRole, generation: int = 0) -> list[str]:
    """`generation` counts for a workload with batch tokens only (`containment.incidents.generations`)."""
    if isinstance(identity, Workload) and identity.tokens is TokenType.BATCH:
        return sorted([*SHARED, own_policy(identity), generation_policy(identity, generation)])
    return sorted([*SHARED, own_policy(identity)])


def granted_path(policy: SecretAccessPolicy) -> str:
    """The one API path that a workload reads for this secret."""
    secret = policy.secret
    if isinstance(secret, KvSecret):
        return f"{secret.mount}/data/{secret.path}"
    return credentials(secret)


def granted_paths(policy: SecretAccessPolicy) -> tuple[str, ...]:
    """The same wherever it may lie."""
    return (granted_path(policy), *(f"{secret.mount}/data/{secret.path}" for secret in policy.elsewhere))


def credentials(secret: DatabaseSecret) -> str:
    """The API path at which users of this role are made, and leases of them listed."""
    return f"{secret.mount}/creds/{secret.role}"


def exact_paths(policy: SecretAccessPolicy) -> tuple[str, ...]:
    """Every API path under which the secret can be reached. An exact path is the most specific there is, so a deny
    on it wins over any pattern that another policy grants."""
    here = () if isinstance(policy.secret, KvSecret) else (credentials(policy.secret),)
    return (*here, *(f"{secret.mount}/{sub}/{secret.path}" for secret in _lies(policy) for sub in KV_SUBPATHS))


def _lies(policy: SecretAccessPolicy) -> tuple[KvSecret, ...]:
    return (*((policy.secret,) if isinstance(policy.secret, KvSecret) else ()), *policy.elsewhere)


def denied_paths(policy: SecretAccessPolicy) -> tuple[str, ...]:
    """`exact_paths` and the spellings of them that a server takes for the same secret though no rule for the path
    itself matches: to whoever is granted a pattern, KV version 2 shows the metadata under a slash at the end, and
    deletes the value or the whole secret there. A listing is decided by the path without it."""
    return (
        *exact_paths(policy),
        *(f"{secret.mount}/{sub}/{secret.path}/" for secret in _lies(policy) for sub in ("data", "metadata")),
    )


def actions_value(fields: Mapping[str, object]) -> str:
    """What an Actions secret holds of a KV secret: its one field, or all of them as JSON."""
    if len(fields) == 1:
        return str(next(iter(fields.values())))
    return json.dumps(dict(fields), sort_keys=True)


def database_user_prefix(secret: DatabaseSecret) -> str:
    """Prefix of every PostgreSQL user that the role makes (see the connection's username template)."""
    return f"pc_{secret.role}_"


USERNAME_TEMPLATE = '{{ printf "pc_%s_%s_%s" .RoleName (random 10) (unix_time) | truncate 63 }}'
