"""Where each kind of auth method keeps what logs in by it."""

from __future__ import annotations

from collections.abc import Mapping

COMPUTED = "cel/role"
"""Folder of roles whose program makes what a login gets of the claims, its policies too: none of it is listed."""
COMPUTED_LOGIN = "cel/login"
"""Below the method, where one logs in by any of them."""

FOLDERS: Mapping[str, tuple[str, ...]] = {
    "approle": ("role",),
    "jwt": ("role", COMPUTED),
    "oidc": ("role", COMPUTED),
    "kubernetes": ("role",),
    "userpass": ("users",),
    "ldap": ("users", "groups"),
    "radius": ("users",),
    "kerberos": ("groups",),
    "cert": ("certs",),
}
"""By type of a method. Token roles are elsewhere (`auth/token/roles`)."""

TOKENS = ("token", "ns_token")
"""Types of the method that every server has."""

ATTACHING = ("token_policies", "policies", "unregistered_user_policies")
"""Parameters of a role, or of settings, that name the policies which a login gets."""

SETTINGS: Mapping[str, str] = {"ldap": "config", "radius": "config", "kerberos": "config/ldap"}
"""By type, where policies stand that every login of the method gets."""


def known(kind: str) -> bool:
    """Of a type of login method, whether it is known where it keeps its roles."""
    return kind in FOLDERS or kind in TOKENS


def computed(role: str) -> bool:
    """Of the path of a role."""
    return f"/{COMPUTED}/" in role
