"""What an incident sets each object to: pure, and the one place that the executor and the Pulumi program share."""

from __future__ import annotations

from typing import Any

from containment import names
from policies.model import INCIDENT_TTL_LIMIT, SecretAccessPolicy, Ttl

OFF_CLAIMS = {names.CI_OFF_CLAIM: "incident"}
"""The bound claims of a JWT role that is off: no issuer sets this claim, so every login is refused. One value, always:
it is among those that the tokens which lock down may set (`containment.compiled.operators`)."""

OFF_TTL = Ttl(60, 60)
"""Of a role that is off: were it ever to accept a login, its token would not last."""


JWT_ROLE = {"user_claim": "sub", "role_type": "jwt"}
"""What the server asks for again at each write of a JWT role."""

OFF_ROLE: dict[str, Any] = {
    "bound_claims": OFF_CLAIMS,
    "token_ttl": OFF_TTL.default,
    "token_max_ttl": OFF_TTL.max,
    **JWT_ROLE,
}


def cap(seconds: int) -> int:
    return min(seconds, INCIDENT_TTL_LIMIT)


def login_ttl(ttl: Ttl) -> Ttl:
    return Ttl(cap(ttl.default), cap(ttl.max))


def role_ttl(policy: SecretAccessPolicy) -> int:
    """Of a dynamic role, seconds: what its declaration asks for in an incident, never more than in peace."""
    return cap(min(policy.incident_ttl, policy.ttl.max))
