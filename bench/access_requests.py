"""`python -m bench.access_requests`: the access model against what a real KV v2 engine lets random tokens do.

The second oracle: `sys/capabilities` answers as for a listing, a request is decided by what it does.
"""

from __future__ import annotations

import json
import random
from contextlib import suppress
from functools import partial
from typing import Any

import click
import httpx

from access.acl import Acl, Operation
from access.policy import parse
from bench.server import Asker, fresh, told
from sandbox.estate import when_versioned
from sandbox.services.openbao import OpenBao

_THERE, _MISSING = ("a", "a/b"), ("b", "ab", "a/c")
_SEGMENTS = ("a", "b", "ab", "+", "+", "c")
_KINDS = ("data", "metadata", "+", "delete", "undelete", "destroy", "subkeys", "detailed-metadata")
_CAPABILITIES = ["create", "read", "update", "delete", "list", "patch", "scan"]
REQUESTS = (
    ("GET", "data", Operation.READ),
    ("POST", "data", None),
    ("PATCH", "data", Operation.PATCH),
    ("DELETE", "data", Operation.DELETE),
    ("GET", "metadata", Operation.READ),
    ("POST", "metadata", None),
    ("PATCH", "metadata", Operation.PATCH),
    ("DELETE", "metadata", Operation.DELETE),
    ("LIST", "metadata", Operation.LIST),
    ("SCAN", "metadata", Operation.SCAN),
    ("LIST", "detailed-metadata", Operation.LIST),
    ("POST", "delete", Operation.UPDATE),
    ("POST", "undelete", Operation.UPDATE),
    ("POST", "destroy", Operation.UPDATE),
    ("GET", "subkeys", Operation.READ),
)
"""Method, kind of path, what it needs; a write needs `create` where nothing is there yet, else `update`."""

_VERSIONS: dict[str, Any] = {"versions": [1]}
_BODIES: dict[str, dict[str, Any]] = {
    "data": {"data": {"k": "w"}},
    "metadata": {"max_versions": 5},
    "delete": _VERSIONS,
    "undelete": _VERSIONS,
    "destroy": _VERSIONS,
}


def _pattern(dice: random.Random) -> str:
    body = "/".join(dice.choice(_SEGMENTS) for _ in range(dice.randint(0, 3)))
    end = dice.choice(["", "", "*", "/*", "/"])
    return f"kv/{dice.choice(_KINDS)}/{body}{end}".replace("+*", "+/*")


def _policy(dice: random.Random) -> str:
    lines = []
    for _ in range(dice.randint(4, 12)):
        words = ["deny"] if dice.random() < 0.1 else dice.sample(_CAPABILITIES, dice.randint(0, 6))
        lines.append(f"path {json.dumps(_pattern(dice))} {{ capabilities = {json.dumps(words)} }}")
    return "\n".join(lines) + "\n"


def compare(bao: OpenBao, seed: int, sets: int) -> tuple[int, int, list[str]]:
    """How many requests were made, how many of them were allowed, and where model and server differ."""
    asker, dice = Asker(bao), random.Random(seed)  # noqa: S311 - no secret
    with suppress(httpx.HTTPStatusError):  # mounted before
        asker.admin("POST", "sys/mounts/kv", {"type": "kv", "options": {"version": "2"}})
    made = granted = 0
    differing = []
    for key in _THERE:
        write = partial(bao.call, "POST", f"kv/data/{key}", {"data": {"k": "v"}}, token=bao.root_token())
        when_versioned(write)
    for _ in range(sets):
        texts = {f"requests-{n}": _policy(dice) for n in range(dice.randint(1, 2))}
        token = asker.token(texts)
        acl = Acl([parse(text, name) for name, text in texts.items()])
        for method, kind, needed in REQUESTS:
            for key in (*_THERE, *_MISSING):
                writes = method in ("POST", "PATCH")
                path = f"kv/{kind}/{key}" + ("" if writes else dice.choice(["", "/"]))
                operation = needed or (Operation.UPDATE if key in _THERE else Operation.CREATE)
                allowed = asker.allowed(method, path, _BODIES.get(kind) if writes else None, token=token)
                made, granted = made + 1, granted + allowed
                if allowed is not acl.allows(operation, path):
                    differing.append(f"{method} {path}: server {allowed}, policies {texts}")
                if allowed:
                    _restore(asker, method, kind, key)
    return made, granted, differing


def _restore(asker: Asker, method: str, kind: str, key: str) -> None:
    """What is there decides whether the next write creates."""
    if method == "POST" and kind in ("data", "metadata") and key in _MISSING:
        asker.admin("DELETE", f"kv/metadata/{key}")
    if method == "DELETE" and kind == "metadata" and key in _THERE:
        asker.admin("POST", f"kv/data/{key}", {"data": {"k": "v"}})


@click.command()
@click.option("--sets", default=100, show_default=True, help="Sets of policies, 75 requests each.")
@click.option("--seed", default=1, show_default=True)
def main(sets: int, seed: int) -> None:
    """Exit 1 if the model and the server differ anywhere."""
    with fresh() as bao:
        found = compare(bao, seed, sets)
    told(*found)


if __name__ == "__main__":
    main()
