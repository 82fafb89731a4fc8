"""What paths of a server's database, transit and PKI engines stand for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from access.snapshot import Engine, Target
from access.sources.reader import Reader
from policies.model import Ttl

_GROUP = re.compile(r'\bIN (?:ROLE|GROUP) ((?:"[^"]+"|[\w, ])+)|\bGRANT ((?:"[^"]+"|[\w, ])+?) TO\b', re.IGNORECASE)
_ON_OBJECTS = re.compile(r"\bON\b", re.IGNORECASE)
_USES = (
    *(
        "encrypt",
        "decrypt",
        "rewrap",
        "sign",
        "verify",
        "hmac",
        "datakey/plaintext",
        "datakey/wrapped",
        "keys",
        "backup",
    ),
    *(f"export/{kind}" for kind in ("encryption-key", "signing-key", "hmac-key", "public-key")),
)
_NAME = re.compile(r'"([^"]+)"|(\w+)')


def read(reader: Reader) -> tuple[dict[str, Target], dict[str, str]]:
    """Targets by path or pattern, and every mount's type."""
    targets: dict[str, Target] = {}
    mounts: dict[str, str] = {}
    for path, mount in reader.read("sys/mounts").items():
        name, kind = path.rstrip("/"), str(mount["type"])
        version = (mount.get("options") or {}).get("version")
        mounts[name] = f"kv-v{version or 1}" if kind in ("kv", "generic") else kind
        if kind == "database":
            targets.update(_database(reader, name))
        elif kind == "transit":
            targets.update(_transit(reader, name))
        elif kind == "pki":
            targets.update(_pki(reader, name))
    return targets, mounts


def groups(statements: Iterable[str]) -> tuple[str, ...]:
    """Database roles that a user is put into, as the usual statements say it: `IN ROLE "a"`, `GRANT a TO`. What is
    granted on objects is in the statements alone."""
    found = [m.group(1) or m.group(2) for text in statements for m in _GROUP.finditer(text)]
    found = [text for text in found if not _ON_OBJECTS.search(text)]
    return tuple(dict.fromkeys(quoted or plain for text in found for quoted, plain in _NAME.findall(text)))


def _listed(reader: Reader, folder: str) -> Iterator[tuple[str, dict[str, Any]]]:
    found = reader.keys(folder)
    return zip(found, reader.each(found, lambda name: reader.read(f"{folder}/{name}")), strict=True)


def _database(reader: Reader, mount: str) -> Iterator[tuple[str, Target]]:
    for name, role in _listed(reader, f"{mount}/roles"):
        statements = tuple(map(str, role.get("creation_statements") or ()))
        target = Target(Engine.DATABASE, name, str(role.get("db_name", "")), statements, groups(statements), _ttl(role))
        yield f"{mount}/creds/{name}", target
    for name, role in _listed(reader, f"{mount}/static-roles"):
        user, period = str(role.get("username", "")), int(role.get("rotation_period") or 0)
        settings = (("rotation_period", f"{period} s"),)
        yield (
            f"{mount}/static-creds/{name}",
            Target(Engine.DATABASE, name, str(role.get("db_name", "")), groups=(user,), settings=settings),
        )


def _transit(reader: Reader, mount: str) -> Iterator[tuple[str, Target]]:
    """Every use of a key, its export and its settings."""
    for name, key in _listed(reader, f"{mount}/keys"):
        target = Target(Engine.TRANSIT, name, settings=_settings(key, ("type", "exportable", "derived")))
        for use in _USES:
            yield f"{mount}/{use}/{name}", target


def _pki(reader: Reader, mount: str) -> Iterator[tuple[str, Target]]:
    fields = ("allowed_domains", "allow_any_name", "allow_subdomains", "allow_glob_domains", "client_flag")
    for name, role in _listed(reader, f"{mount}/roles"):
        ttl = Ttl(int(role.get("ttl") or 0), int(role.get("max_ttl") or 0))
        target = Target(Engine.PKI, name, settings=_settings(role, fields), ttl=ttl)
        for act in ("issue", "sign", "sign-verbatim"):
            yield f"{mount}/{act}/{name}", target
            yield f"{mount}/issuer/+/{act}/{name}", target


def _settings(data: Mapping[str, Any], fields: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    def text(value: Any) -> str:
        return ", ".join(map(str, value)) if isinstance(value, list) else str(value).lower()

    return tuple((field, text(data[field])) for field in fields if data.get(field) not in (None, [], ""))


def _ttl(role: Mapping[str, Any]) -> Ttl:
    return Ttl(int(role.get("default_ttl") or 0), int(role.get("max_ttl") or 0))
