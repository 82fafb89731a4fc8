"""From a path as people write it to the API path that policies speak of, and to the other paths of the same secret."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from access.rule import Rule
from policies.errors import InputError
from policies.model import KV_SUBPATHS

_OTHER = ("config",)
"""Paths of a KV version 2 mount that are no secret's."""
_LISTINGS = ("data", "metadata", "detailed-metadata")
"""Where the names below a secret's are listed, the last with their metadata (OpenBao, KV version 2 API)."""
KV_V2 = "kv-v2"


@dataclass(frozen=True, slots=True)
class Asked:
    """`path`: the API path. `note` says what was made of what was written, "" when nothing. `others`: paths under which
    the same secret can be reached too."""

    path: str
    note: str = ""
    others: tuple[str, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((self.path, *self.others)))


def asked(text: str, mounts: Mapping[str, str], secrets: Mapping[str, str]) -> Asked:
    """`mounts` and `secrets` as in a snapshot. Raises InputError for an empty path."""
    if text in secrets:
        return _in_kv(secrets[text], mounts, [f"{text} is declared: its path is {secrets[text]}"])
    path = text.lstrip("/")
    if path.startswith("v1/") and "v1" not in mounts:
        path = path.removeprefix("v1/").lstrip("/")
    if not path:
        raise InputError(f"{text!r} is no path; write it as in a policy, such as secret/data/app")
    notes = [f"{text} is {path} in a policy: without the slash and the API's version"] if path != text else []
    if "/" not in path and secrets:
        notes.append(f"no declared secret is called {path}: taken as a path")
    return _in_kv(path, mounts, notes)


def mounts_of(rules: Iterable[Rule]) -> dict[str, str]:
    """KV version 2 mounts, as far as rules show them: those with a rule below `<mount>/data/`."""
    found = (rule.path.partition("/data/") for rule in rules)
    return {mount: KV_V2 for mount, sub, _ in found if sub and not any(c in mount for c in "*+{")}


def _in_kv(path: str, mounts: Mapping[str, str], notes: list[str]) -> Asked:
    mount = max((m for m in mounts if path.startswith(f"{m}/")), key=len, default=None)
    if mount is None or mounts[mount] != KV_V2:
        return Asked(path, "; ".join(notes))
    rest = path.removeprefix(f"{mount}/")
    sub, _, secret = rest.partition("/")
    if sub not in (*KV_SUBPATHS, *_LISTINGS, *_OTHER):
        notes.append(f"{mount} is a KV version 2 mount: {path} is read at {mount}/data/{rest}")
        sub, secret, path = "data", rest, f"{mount}/data/{rest}"
    bare = secret.removesuffix("/")
    if not bare or sub in _OTHER:
        return Asked(path, "; ".join(notes))
    return Asked(
        path,
        "; ".join(notes),
        (*(f"{mount}/{s}/{bare}" for s in KV_SUBPATHS), *(f"{mount}/{s}/{bare}/" for s in _LISTINGS)),
    )
