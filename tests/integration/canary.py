"""Search what was written for secret values: as they are, in base64, and in the cells of SQLite databases."""

from __future__ import annotations

import base64
import json
import re
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from containment import names
from policies.load import load
from policies.model import KvSecret
from sandbox.environment import Sandbox

SHORTEST = 12
"""Characters; a shorter word is no secret of ours and is found everywhere."""
# Service and batch tokens of OpenBao. The end keeps dotted names of modules out.
_TOKEN = re.compile(
    rb"(?<![A-Za-z0-9_.])(?:hv[sb]\.|s\.|b\.)(?=[A-Za-z0-9_-]*[0-9])[A-Za-z0-9_-]{24,}(?![.A-Za-z0-9_-])"
)
_BASE64 = re.compile(rb"[A-Za-z0-9+/]{24,}={0,2}")


def in_files(sandbox: Sandbox) -> set[str]:
    """Words of the files under secrets/, and the secret_ids that were delivered. Names in them are no secrets."""
    found: set[str] = set()
    for file in (sandbox.root / "secrets").iterdir():
        text = file.read_text()
        try:
            found |= set(_strings(json.loads(text), secret_only=True))
        except ValueError:
            found |= {line for line in text.split() if not line.startswith("---")}
    for file in sandbox.delivered.glob("*.json"):
        found.add(json.loads(file.read_text())["secret_id"])
    return {word for word in found if len(word) >= SHORTEST}


def in_vault(sandbox: Sandbox) -> set[str]:
    """Every value of every version of every declared KV secret that root can still read."""
    bao, root, found = sandbox.openbao, sandbox.openbao.root_token(), set()
    for policy in load().secrets:
        secret = policy.secret
        if not isinstance(secret, KvSecret):
            continue
        versions = bao.call("GET", f"{secret.mount}/metadata/{secret.path}", token=root)["data"]["versions"]
        for number, version in versions.items():
            if not version["destroyed"]:
                path = f"{names.granted_path(policy)}?version={number}"
                found |= set(_strings(bao.call("GET", path, token=root)["data"]["data"]))
    return found


def _strings(value: Any, secret_only: bool = False) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, held in value.items():
            if not secret_only or name not in ("key", "api_key", "account", "login"):
                yield from _strings(held, secret_only)
    elif isinstance(value, list):
        for held in value:
            yield from _strings(held, secret_only)


def search(files: Iterable[Path], values: Iterable[str]) -> list[str]:
    """`FILE: which value` for each that is found; the value itself is not told. A token is found by its shape too."""
    wanted = [(number, form) for number, value in enumerate(sorted(values)) for form in _forms(value)]
    found = []
    for file in files:
        content = readable(file)
        found += [f"{file}: value {number}" for number, form in wanted if form in content]
        found += [f"{file}: a token, {m.group()[:6].decode()}…" for m in _TOKEN.finditer(content)]
    return found


def readable(file: Path) -> bytes:
    """The content; of a database also each cell; and whatever is base64 in it decoded."""
    content = file.read_bytes()
    if content.startswith(b"SQLite format 3\0"):
        content += b"\n".join(_cells(file))
    decoded = []
    for match in _BASE64.finditer(content):
        text = match.group()
        try:
            decoded.append(base64.b64decode(text[: len(text) // 4 * 4]))
        except ValueError:
            continue
    return b"\n".join([content, *decoded])


def _cells(file: Path) -> Iterator[bytes]:
    with closing(sqlite3.connect(file)) as database:
        for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for row in database.execute(f'SELECT * FROM "{table}"').fetchall():  # noqa: S608 - the table's own name
                yield from (cell if isinstance(cell, bytes) else str(cell).encode() for cell in row)


def _forms(value: str) -> set[bytes]:
    """As it is and JSON-escaped; base64 of it is decoded where it is found."""
    return {value.encode(), json.dumps(value)[1:-1].encode()}


def written(sandbox: Sandbox, *more: Path) -> list[Path]:
    """Every file of the sandbox and below `more`, but for what must hold secrets: the 0600 files under secrets/ and
    delivered/, the servers' own storage, and the repository with the leaked commit."""
    root = sandbox.root
    own = [root / "secrets", root / "delivered", root / "openbao" / "data", root / "postgres"]
    own += [root / name for name in ("github", "exchange", "pagerduty")]
    own += list((root / "drill").glob("*/leak"))
    found = []
    for top in (root, *more):
        for file in sorted(top.rglob("*")):
            if file.is_file() and not file.is_symlink() and not any(file.is_relative_to(o) for o in own):
                found.append(file)
    return found
