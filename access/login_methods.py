"""Where each kind of auth method keeps what logs in by it."""

from __future__ import annotations

from collections.abc import Mapping

FOLDERS: Mapping[str, tuple[str, ...]] = {
    "approle": ("role",),
    "jwt": ("role",),
    "oidc": ("role",),
    "kubernetes": ("role",),
    "userpass": ("users",),
    "ldap": ("users", "groups"),
    "radius": ("users",),
    "kerberos": ("groups",),
    "cert": ("certs",),
}
"""By type of a method. Token roles are elsewhere (`auth/token/roles`)."""
