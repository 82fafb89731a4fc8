"""From an incident and the declarations to what is to be replaced and in which order. Pure: no clock, no I/O.

Production comes first, and identities before the secrets that only they can try. Credentials of one wave are rotated
side by side; the next wave starts when all have ended. The last wave is the incident itself: what only shows when
everything else is done.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from typing import Any, assert_never

from containment.incidents import proofs
from containment.incidents.incident import Incident
from policies.errors import InputError
from policies.model import (
    AuthMethod,
    DatabaseSecret,
    Environment,
    Estate,
    RotationMethod,
    SecretAccessPolicy,
    Tier,
    Workload,
)


class Kind(StrEnum):
    """Kinds of credential, each with a file of its own under `rotation/steps`."""

    EXCHANGE_KEY = "exchange-key"
    MANUAL = "manual"
    DATABASE = "database"
    APPROLE = "approle"
    JWT = "jwt"
    CI_ROLE = "ci-role"
    INCIDENT = "incident"


STEPS: dict[Kind, tuple[str, ...]] = {
    Kind.EXCHANGE_KEY: (
        "disable-old",
        "create",
        "store",
        "try-new",
        "try-old",
        "copy",
        "destroy-old",
        "open",
        "clean-up",
    ),
    Kind.MANUAL: ("create", "store", "read-back", "copy", "destroy-old", "confirmation", "open", "clean-up"),
    Kind.DATABASE: ("end-old", "try-new", "open"),
    Kind.APPROLE: ("end-old", "deliver", "enable", "try-new", "open"),
    Kind.JWT: ("end-old", "confirmation", "open"),
    Kind.CI_ROLE: ("end-old",),
    Kind.INCIDENT: ("recovery", "audit-quiet"),
}

_TIERS = tuple(Tier)
_QUIET = f"{proofs.INCIDENT}/{proofs.AUDIT_QUIET}"


@dataclass(frozen=True, slots=True)
class Credential:
    """`item` is `kind:name` as in the incident's scope. `proven`: replaced before, this run proves it again."""

    item: str
    kind: Kind
    environment: Environment
    tier: Tier
    proven: bool
    copied: bool = False
    """Whether a repository's workflows hold a copy of it."""

    @property
    def name(self) -> str:
        return self.item.partition(":")[2]

    @property
    def identity(self) -> bool:
        return not self.item.startswith("secret:")

    @property
    def steps(self) -> tuple[str, ...]:
        return tuple(step for step in STEPS[self.kind] if step != "copy" or self.copied)

    def to_json(self) -> dict[str, Any]:
        return {
            "item": self.item,
            "kind": self.kind.value,
            "environment": self.environment.value,
            "tier": self.tier.value,
            "proven": self.proven,
            "steps": list(self.steps),
        }


@dataclass(frozen=True, slots=True)
class Plan:
    incident: str
    waves: tuple[tuple[Credential, ...], ...]
    notice: str = ""
    """What the responder must know of the incident's scope."""

    def __iter__(self) -> Iterator[Credential]:
        return (credential for wave in self.waves for credential in wave)

    def find(self, item: str) -> Credential:
        """Raises InputError when the plan does not hold it."""
        for credential in self:
            if credential.item == item:
                return credential
        raise InputError(f"{item!r} is not in the plan of {self.incident}; {self._confirmable}")

    def to_confirm(self, item: str) -> Credential:
        """What a person gives a word for: the incident for its `audit-quiet`, also by the name that a status prints.
        Raises InputError for what the servers prove."""
        if item in (proofs.AUDIT_QUIET, _QUIET):
            return self.find(proofs.INCIDENT)
        credential = self.find(item)
        if "confirmation" not in credential.steps:
            raise InputError(f"{item} is proven by the servers; nobody's word is taken for it; {self._confirmable}")
        return credential

    @property
    def _confirmable(self) -> str:
        items = [c.item for c in self if "confirmation" in c.steps]
        return f"a word is taken for {', '.join([*items, _QUIET])}"

    def to_json(self) -> dict[str, Any]:
        waves = [[c.to_json() for c in wave] for wave in self.waves]
        return {"incident": self.incident, "notice": self.notice, "waves": waves}


def plan(incident: Incident, estate: Estate) -> Plan:
    """What leaked in this incident, critical credentials at the head of their wave.

    Raises InputError when something named as leaked is declared no longer: nobody would know how to replace it.
    """
    credentials = [_credential(item, incident, estate) for item in proofs.replaced(incident, estate)]
    waves = [
        tuple(sorted((c for c in credentials if (c.environment, c.identity) == wave), key=_worth))
        for wave in product((Environment.PRODUCTION, Environment.STAGING), (True, False))
    ]
    last = Credential(proofs.INCIDENT, Kind.INCIDENT, Environment.PRODUCTION, Tier.CRITICAL, proven=False)
    return Plan(incident.id, tuple(wave for wave in (*waves, (last,)) if wave), incident.notice)


def _worth(credential: Credential) -> tuple[int, str]:
    return _TIERS.index(credential.tier), credential.item


def _credential(item: str, incident: Incident, estate: Estate) -> Credential:
    kind, _, name = item.partition(":")
    proven = item in incident.opened
    for secret in estate.secrets if kind == "secret" else ():
        if secret.name == name:
            copied = any(a.secret == name for r in estate.repositories for a in r.actions_secrets)
            return Credential(item, _kind(secret), secret.environment, secret.tier, proven, copied)
    for workload in estate.workloads if kind == "workload" else ():
        if workload.name == name:
            return Credential(item, _login(workload), workload.environment, _tier(workload, estate), proven)
    for role in estate.ci_roles if kind == "ci" else ():
        if role.name == name:
            return Credential(item, Kind.CI_ROLE, role.environment, Tier.CRITICAL, proven)
    raise InputError(f"{item} leaked in {incident.id} and is declared no longer; declare it again to rotate it")


def _kind(secret: SecretAccessPolicy) -> Kind:
    if isinstance(secret.secret, DatabaseSecret):
        return Kind.DATABASE
    match secret.rotation:
        case RotationMethod.EXCHANGE_KEY:
            return Kind.EXCHANGE_KEY
        case RotationMethod.MANUAL:
            return Kind.MANUAL
        case RotationMethod.DATABASE_LEASE:
            raise InputError(f"{secret.name}: a KV secret has no leases; the loader refuses this")
    assert_never(secret.rotation)


def _login(workload: Workload) -> Kind:
    match workload.auth:
        case AuthMethod.APPROLE:
            return Kind.APPROLE
        case AuthMethod.JWT:
            return Kind.JWT
    assert_never(workload.auth)


def _tier(workload: Workload, estate: Estate) -> Tier:
    """An identity is worth what it may read."""
    tiers = [s.tier for s in estate.secrets if any(g.workload == workload.name for g in s.grants)]
    return min(tiers, key=_TIERS.index, default=Tier.STANDARD)
