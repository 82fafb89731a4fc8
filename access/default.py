"""The policy `default`, which each token has unless told otherwise and which no declaration speaks of."""

from __future__ import annotations

from collections.abc import Mapping

from access.rule import Capability, Policy, Rule

NAME = "default"
_READ, _UPDATE = ("read",), ("update",)
DEFAULT: Mapping[str, tuple[str, ...]] = {
    "auth/token/lookup-self": _READ,
    "auth/token/renew-self": _UPDATE,
    "auth/token/revoke-self": _UPDATE,
    "sys/capabilities-self": _UPDATE,
    "identity/entity/id/{{identity.entity.id}}": _READ,
    "identity/entity/name/{{identity.entity.name}}": _READ,
    "sys/internal/ui/resultant-acl": _READ,
    "sys/renew": _UPDATE,
    "sys/leases/renew": _UPDATE,
    "sys/leases/lookup": _UPDATE,
    "cubbyhole/*": ("create", "read", "update", "delete", "list"),
    "sys/wrapping/wrap": _UPDATE,
    "sys/wrapping/lookup": _UPDATE,
    "sys/wrapping/unwrap": _UPDATE,
    "sys/tools/hash": _UPDATE,
    "sys/tools/hash/*": _UPDATE,
    "sys/control-group/request": _UPDATE,
    "identity/oidc/provider/+/authorize": ("read", "update"),
}
"""What it grants, as OpenBao and Vault make it."""


def made(like: Policy) -> Policy:
    """As a server makes it, of the paths that `like` names: one that grants less is not to be widened."""
    rules = [Rule(p, frozenset(map(Capability, c)), NAME, "(made by the server)", 0) for p, c in DEFAULT.items()]
    paths = {rule.path for rule in like.rules}
    return Policy(NAME, tuple(rule for rule in rules if rule.path in paths), "(made by the server)")
