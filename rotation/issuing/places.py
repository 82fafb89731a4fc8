"""What lives at an API path, from the server's own mounts. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from policies.errors import InputError
from policies.model import KV_SUBPATHS, Estate, KvSecret, SecretAccessPolicy

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]*(?:/[A-Za-z0-9_][A-Za-z0-9._@-]*)*")


class Holds(StrEnum):
    KV = "kv"
    DATABASE = "database"
    TOKENS = "tokens"
    LEASES = "leases"


@dataclass(frozen=True, slots=True)
class Place:
    """`mount` without a slash at its end, `rest` what follows it."""

    path: str
    holds: Holds
    mount: str
    rest: str


def find(text: str, mounts: Mapping[str, Any], methods: Mapping[str, Any]) -> Place:
    """`mounts` and `methods` as `sys/mounts` and `sys/auth` list them: path with a slash to an object with `type`.

    Raises InputError for a path that is none, or that nothing serves; nothing was changed.
    """
    path = text.strip("/").removeprefix("v1/")
    if not _PLAIN.fullmatch(path):
        raise InputError(f"{text!r} is no path; give one without wildcards, such as database/creds/settlement-readonly")
    if path == "auth":
        return Place(path, Holds.TOKENS, "auth", "")
    served = {f"auth/{name}": "auth" for name in methods} | {name: str(m["type"]) for name, m in mounts.items()}
    mount = max((m for m in served if f"{path}/".startswith(m)), key=len, default=None)
    if mount is None:
        raise InputError(f"nothing is mounted at {path}; mounts: {', '.join(sorted(served))}; nothing was changed")
    rest = path[len(mount) :]
    match served[mount]:
        case "auth":
            return Place(path, Holds.TOKENS, mount.rstrip("/"), rest)
        case "system" | "identity" | "cubbyhole" as kind:
            raise InputError(f"{path} holds neither leases nor tokens ({kind}); nothing was changed")
        case "kv":
            return Place(path, Holds.KV, mount.rstrip("/"), rest)
        case "database":
            return Place(path, Holds.DATABASE, mount.rstrip("/"), rest)
        case _:
            return Place(path, Holds.LEASES, mount.rstrip("/"), rest)


def declared(place: Place, estate: Estate) -> list[SecretAccessPolicy]:
    """The secrets whose values lie at a path in a KV store, or below it."""
    head, _, tail = place.rest.partition("/")
    inner = tail if head in KV_SUBPATHS else place.rest
    return [
        s
        for s in estate.secrets
        if isinstance(s.secret, KvSecret)
        and s.secret.mount == place.mount
        and f"{s.secret.path}/".startswith(f"{inner}/" if inner else "")
    ]


def roles(place: Place, known: list[str]) -> list[str]:
    """Database roles that a path names, of those that the server lists. Raises InputError where there is none."""
    head, _, role = place.rest.partition("/")
    role = role.partition("/")[0]
    if head not in ("", "creds"):
        raise InputError(f"{place.path} holds no leases; they are under {place.mount}/creds; nothing was changed")
    if role and role not in known:
        raise InputError(f"no role {role} at {place.mount}; one of {', '.join(known) or 'none'}; nothing was changed")
    return [role] if role else known


def lease(place: Place) -> str:
    """The lease's own id, when the path names one, else ""."""
    return place.rest.split("/")[2] if place.rest.count("/") == 2 else ""
