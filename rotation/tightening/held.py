"""What is granted by declaration, one capability each: the unit that a log can show as used. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from containment import names
from policies import fields
from policies.model import CiRole, Estate, Workload


@dataclass(frozen=True, slots=True)
class Held:
    """`kind`: "workload" or "ci". `login`: the method it logs in by, which begins the name that the server gives its
    tokens. `policy`: the identity's own, which its tokens alone should have. `field`: the list
    item in `file` that says it, as `policies.fields` names it; `of`: the item that goes when nothing of it is left."""

    kind: str
    identity: str
    login: str
    policy: str
    secret: str
    path: str
    capability: str
    file: str
    line: int
    field: str
    of: str

    @property
    def key(self) -> tuple[str, str, str]:
        return self.policy, self.path, self.capability

    def __str__(self) -> str:
        return f"{self.capability} on {self.path} by {self.kind} {self.identity}"


def held(estate: Estate) -> Iterator[Held]:
    """In file order, the secrets' grants first."""
    workloads = {w.name: w for w in estate.workloads}
    for secret in estate.secrets:
        for number, grant in enumerate(secret.grants):
            for position, capability in enumerate(grant.capabilities):
                of = f"spec.grants[{number}]"
                yield _held(
                    workloads[grant.workload], estate, secret.name, capability, f"{of}.capabilities", position, of
                )
    for role in estate.ci_roles:
        for position, name in enumerate(role.secrets):
            yield _held(role, estate, name, "read", "spec.secrets", position, f"spec.secrets[{position}]")


def _held(
    identity: Workload | CiRole, estate: Estate, secret: str, capability: str, items: str, position: int, of: str
) -> Held:
    policy = next(s for s in estate.secrets if s.name == secret)
    source = identity.source if isinstance(identity, CiRole) else policy.source
    field = f"{items}[{position}]"
    return Held(
        "ci" if isinstance(identity, CiRole) else "workload",
        identity.name,
        names.login_method(identity),
        names.own_policy(identity),
        secret,
        names.granted_path(policy),
        str(capability),
        source.file,
        fields.line(source.lines, field),
        field,
        of,
    )
