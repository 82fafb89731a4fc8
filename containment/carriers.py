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
from access.login_methods import FOLDERS
from containment import names
from containment.ports import Vault
from containment.run import WORKERS
from policies.errors import PortcullisError

_Data: TypeAlias = Mapping[str, Any]
_Make: TypeAlias = Callable[[str, _Data], "Carrier"]


@dataclass(frozen=True, slots=True)
class Carrier:
    """`path` as the API has it, or what an entity or group is called. `gated`: the gate comes along."""

    path: str
    policies: tuple[str, ...]
    globs: tuple[str, ...] = ()
    gated: bool = False

    def hands_out(self, policy: str) -> bool:
        return policy in self.policies or any(like(policy, glob) for glob in self.globs)

    def __str__(self) -> str:
        return f"{self.path}, beside {names.GATE}" if self.gated else self.path


def carriers(vault: Vault) -> tuple[list[Carrier], list[str]]:
    """All of them, and what could not be read."""
    unread: list[str] = []
    found: list[Carrier] = []
    folders: list[tuple[str, _Make]] = [("auth/token/roles", _token_role)]
    folders += [(f"identity/{kind}/id", partial(_identity, kind)) for kind in ("entity", "group")]
    try:
        folders = [*((folder, _login) for folder in _logins(vault, unread)), *folders]
    except PortcullisError as error:
        unread.append(str(error))
    for folder, make in folders:
        try:
            found += [make(path, data) for path, data in _held(vault, folder)]
        except PortcullisError as error:
            unread.append(str(error))
    return found, unread


def _logins(vault: Vault, unread: list[str]) -> Iterator[str]:
    for mount, method in (vault.read("sys/auth") or {}).items():
        path, kind = f"auth/{mount.rstrip('/')}", str(method["type"])
        if kind not in (*FOLDERS, "token", "ns_token"):
            unread.append(f"{path}: where a method of type {kind} keeps its roles is not known")
        for folder in FOLDERS.get(kind, ()):
            yield f"{path}/{folder}"


def _login(path: str, role: _Data) -> Carrier:
    return _carrier(path, role.get("token_policies"), role.get("policies"))


def _token_role(path: str, role: _Data) -> Carrier:
    return Carrier(path, tuple(role.get("allowed_policies") or ()), tuple(role.get("allowed_policies_glob") or ()))


def _identity(kind: str, _: str, data: _Data) -> Carrier:
    return _carrier(f"{kind} {data['name']}", data.get("policies"))


def _carrier(path: str, *listed: Any) -> Carrier:
    held = [name for some in listed if some for name in (some.split(",") if isinstance(some, str) else some)]
    return Carrier(path, tuple(dict.fromkeys(held)), gated=names.GATE in held)


def _held(vault: Vault, folder: str) -> Iterator[tuple[str, _Data]]:
    paths = [f"{folder}/{quote(key)}" for key in vault.keys(folder)]
    with ThreadPoolExecutor(WORKERS) as pool:
        for path, data in zip(paths, pool.map(vault.read, paths), strict=True):
            if data:
                yield path, data
