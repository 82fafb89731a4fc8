"""How each kind of credential is replaced: one file a kind, each step with observe, act and verify."""

from __future__ import annotations

from typing import assert_never

from rotation.plan import Kind
from rotation.steps import approle, ci_role, database, exchange_key, incident, jwt, manual
from rotation.work import Step, Work


def steps(work: Work) -> tuple[Step, ...]:
    """In the order of `rotation.plan.STEPS`."""
    match work.credential.kind:
        case Kind.EXCHANGE_KEY:
            return exchange_key.steps(work)
        case Kind.MANUAL:
            return manual.steps(work)
        case Kind.DATABASE:
            return database.steps(work)
        case Kind.APPROLE:
            return approle.steps(work)
        case Kind.JWT:
            return jwt.steps(work)
        case Kind.CI_ROLE:
            return ci_role.steps(work)
        case Kind.INCIDENT:
            return incident.steps(work)
    assert_never(work.credential.kind)
