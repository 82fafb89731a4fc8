"""Who is handed which policy, as far as the server lists it: roles of every login method, token roles, entities and
groups. Tokens are not looked at; those that can be listed are revoked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import quote

from access.globs import like
from access.login_methods import FOLDERS
from containment import names
from containment.ports import Vault
from policies.errors import PortcullisError

WORKERS = 16


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
    for kind in (_logins, _token_roles, partial(_identities, kind="entity"), partial(_identities, kind="group")):
        try:
            found += kind(vault)
        except PortcullisError as error:
            unread.append(str(error))
    return found, unread


def _logins(vault: Vault) -> Iterator[Carrier]:
    methods = vault.read("sys/auth") or {}
    kinds = {f"auth/{mount.rstrip('/')}": str(method["type"]) for mount, method in methods.items()}
    folders = [f"{path}/{folder}" for path, kind in kinds.items() for folder in FOLDERS.get(kind, ())]
    for path, role in _each(vault, folders):
        yield _role(path, (role.get("token_policies"), role.get("policies")))


def _token_roles(vault: Vault) -> Iterator[Carrier]:
    for path, role in _each(vault, ["auth/token/roles"]):
        yield Carrier(path, tuple(role.get("allowed_policies") or ()), tuple(role.get("allowed_policies_glob") or ()))


def _identities(vault: Vault, kind: str) -> Iterator[Carrier]:
    for _, data in _each(vault, [f"identity/{kind}/id"]):
        yield _role(f"{kind} {data['name']}", (data.get("policies"),))


def _role(path: str, listed: Iterable[Any]) -> Carrier:
    held = [name for some in listed if some for name in (some.split(",") if isinstance(some, str) else some)]
    return Carrier(path, tuple(dict.fromkeys(held)), gated=names.GATE in held)


def _each(vault: Vault, folders: Iterable[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    paths = [f"{folder}/{quote(key)}" for folder in folders for key in vault.keys(folder)]
    with ThreadPoolExecutor(WORKERS) as pool:
        for path, data in zip(paths, pool.map(vault.read, paths), strict=True):
            if data:
                yield path, data
