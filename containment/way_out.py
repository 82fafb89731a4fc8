"""What taking a lock-down back needs, asked of the server before one is made. What the declarations leave of it is
proven in `containment.lockout`."""

from __future__ import annotations

from collections.abc import Mapping

from containment import names
from containment.ports import Vault
from policies.errors import InputError

WAY_OUT: Mapping[str, tuple[str, ...]] = {
    f"sys/policies/acl/{names.PREFIX}*": ("update",),
    f"{names.STORE}/data/incidents/*": ("read", "update"),
    f"{names.STORE}/metadata/incidents/": ("list",),
    f"{names.STORE}/data/compiled": ("read",),
    "auth/token/revoke-accessor": ("update",),
    "sys/leases/revoke": ("update",),
}
"""What containing and lifting need of whoever does it, by path as in a policy."""


def require(vault: Vault) -> None:
    """Of the token that asks, by the server's word. Raises InputError naming the paths that it lacks."""
    asked = {path.replace("*", "x"): needed for path, needed in WAY_OUT.items()}
    have = vault.capabilities(list(asked))
    lacks = [path for path, needed in asked.items() if not all(names.may(have[path], one) for one in needed)]
    if lacks:
        raise InputError(f"no way out: this token could not lift what it locks; it lacks {', '.join(lacks)}")
