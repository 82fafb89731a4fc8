"""Who is handed which policy, as far as the server lists it: roles of every login method, token roles, entities and
groups. Tokens are not looked at; those that can be listed are revoked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias
from urllib.parse import quote

from access.globs import like
from access.login_methods import ATTACHING, FOLDERS, SETTINGS, TOKENS, computed, known
from containment import names
from containment.ports import Vault
from containment.run import WORKERS
from policies.errors import PortcullisError

_Data: TypeAlias = Mapping[str, Any]
_Make: TypeAlias = Callable[[str, _Data], "Carrier"]

_OURS = (f"auth/{names.APPROLE}", f"auth/{names.JWT}")


@dataclass(frozen=True, slots=True)
class Carrier:
    """`path` as the API has it, or what an entity or group is called. `gated`: the gate comes along. `computed`: what
    it hands out is made at each login, and listed nowhere."""

    path: str
    policies: tuple[str, ...]
    globs: tuple[str, ...] = ()
    gated: bool = False
    computed: bool = False

    def hands_out(self, policy: str) -> bool:
        """Or may hand out."""
        return self.computed or policy in self.policies or any(like(policy, glob) for glob in self.globs)

    def __str__(self) -> str:
        if self.computed:
            return f"{self.path}, perhaps: a program says what it gives"
        return f"{self.path}, beside {names.GATE}" if self.gated else self.path


@dataclass(frozen=True, slots=True)
class Roles:
    """`unread`: folders that could not be read. `unknown`: methods of a kind whose roles nobody here can find, in words
    by path. `others`: the type of each login method that is not the product's, by path."""

    found: list[Carrier]
    unread: list[str]
    unknown: dict[str, str]
    others: dict[str, str]


def carriers(vault: Vault) -> tuple[list[Carrier], list[str]]:
    """All of them but the probes' own, which may ask for any of the product's, and what could not be read."""
    held = undeclared(vault, f"auth/token/roles/{names.PROBE_ROLE}".__eq__)
    return held.found, [*held.unread, *(f"{path}: {why}" for path, why in held.unknown.items())]


def undeclared(vault: Vault, apart: Callable[[str], bool] = lambda _: False) -> Roles:
    """All but roles by a path that is `apart`, which are not even read."""
    found: list[Carrier] = []
    unread: list[str] = []
    try:
        methods = {f"auth/{name.rstrip('/')}": str(m["type"]) for name, m in (vault.read("sys/auth") or {}).items()}
    except PortcullisError as error:
        methods = {}
        unread.append(str(error))
    for path, kind in methods.items():
        for folder in FOLDERS.get(kind, ()):
            _read(vault, f"{path}/{folder}", _login, found, unread, apart)
        if kind in SETTINGS:
            _settings(vault, f"{path}/{SETTINGS[kind]}", found, unread)
    _read(vault, "auth/token/roles", _token_role, found, unread, apart)
    for kind in ("entity", "group"):
        _read(vault, f"identity/{kind}/id", partial(_identity, kind), found, unread)
    unknown = {
        path: f"where a method of type {kind} keeps its roles is not known"
        for path, kind in methods.items()
        if not known(kind)
    }
    others = {path: kind for path, kind in methods.items() if kind not in TOKENS and path not in _OURS}
    return Roles(found, unread, unknown, others)


def login_roles(vault: Vault, folder: str, apart: Callable[[str], bool]) -> list[Carrier]:
    """Of one folder, in the same way. Raises Unreachable."""
    return [_login(path, data) for path, data in _held(vault, folder, apart)]


def _read(
    vault: Vault,
    folder: str,
    make: _Make,
    found: list[Carrier],
    unread: list[str],
    apart: Callable[[str], bool] = lambda _: False,
) -> None:
    try:
        found += [make(path, data) for path, data in _held(vault, folder, apart)]
    except PortcullisError as error:
        unread.append(str(error))


def _settings(vault: Vault, path: str, found: list[Carrier], unread: list[str]) -> None:
    try:
        held = vault.read(path)
    except PortcullisError as error:
        unread.append(str(error))
    else:
        found += [_login(path, held)] if held else []


def _login(path: str, role: _Data) -> Carrier:
    if computed(path):
        return Carrier(path, (), computed=True)
    return _carrier(path, *map(role.get, ATTACHING))


def _token_role(path: str, role: _Data) -> Carrier:
    return Carrier(path, tuple(role.get("allowed_policies") or ()), tuple(role.get("allowed_policies_glob") or ()))


def _identity(kind: str, _: str, data: _Data) -> Carrier:
    return _carrier(f"{kind} {data['name']}", data.get("policies"))


def _carrier(path: str, *listed: Any) -> Carrier:
    held = [name for some in listed if some for name in (some.split(",") if isinstance(some, str) else some)]
    return Carrier(path, tuple(dict.fromkeys(held)), gated=names.GATE in held)


def _held(vault: Vault, folder: str, apart: Callable[[str], bool]) -> Iterator[tuple[str, _Data]]:
    paths = [path for path in (f"{folder}/{quote(key)}" for key in vault.keys(folder)) if not apart(path)]
    with ThreadPoolExecutor(WORKERS) as pool:
        for path, data in zip(paths, pool.map(vault.read, paths), strict=True):
            if data:
                yield path, data
