"""Each line of a diff has a witness, and a real server confirms it: refused before, granted now."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from access.acl import Acl
from access.difference import Difference, differences
from access.policy import parse
from bench import access_oracle
from bench.server import fresh
from policies.errors import Unreachable
from policies.load import ACCESS
from sandbox.services.openbao import OpenBao
from tests.integration.widening import committed, diff, repository

_REQUESTS = {"read": "GET", "list": "LIST", "create": "PUT", "update": "POST", "delete": "DELETE", "patch": "PATCH"}


@pytest.fixture(scope="module")
def bao() -> Iterator[OpenBao]:
    with fresh() as made:
        made.call("POST", "sys/mounts/kv", {"type": "kv", "options": {"version": "2"}}, token=made.root_token())
        yield made


def _token(bao: OpenBao, name: str, text: str) -> str:
    root = bao.root_token()
    if text:
        bao.call("PUT", f"sys/policies/acl/{name}", {"policy": text}, token=root)
    body = {"policies": [name] if text else ["absent"], "no_default_policy": True}
    return str(bao.call("POST", "auth/token/create", body, token=root)["auth"]["client_token"])


def _held(bao: OpenBao, token: str, paths: list[str]) -> dict[str, set[str]]:
    body = {"token": token, "paths": paths}
    answer = bao.call("POST", "sys/capabilities", body, token=bao.root_token())["data"]
    return {path: set(answer[path]) - {"deny"} for path in paths}


def _refused(bao: OpenBao, token: str, method: str, path: str) -> bool:
    try:
        bao.call(method, path, {"data": {}} if method != "GET" else None, token=token)
    except Unreachable as error:
        return ": 403 " in str(error)
    return False


def _confirmed(bao: OpenBao, found: list[Difference], before: str, after: str) -> int:
    """How many. `sys/capabilities` answers of a path with a slash at its end as for a listing, and so cannot be asked
    about any other request there."""
    asked = [d for d in found if d.region.listing or not d.witness.endswith("/")]
    paths = sorted({d.witness for d in asked})
    had, has = (_held(bao, token, paths) if paths else {} for token in (before, after))
    for d in asked:
        judged = LISTED if d.region.listing else ASKED
        assert (has[d.witness] - had[d.witness]) & judged == set(d.gained), d
        assert (had[d.witness] - has[d.witness]) & judged == set(d.lost), d
    return len(asked)


LISTED = {"list", "scan", "sudo"}
ASKED = {"create", "read", "update", "delete", "patch", "sudo"}


def test_random_pairs(bao: OpenBao) -> None:
    dice, confirmed = random.Random(11), 0  # noqa: S311 - no secret
    for _ in range(60):
        pool = [access_oracle._pattern(dice, access_oracle._path(dice)) for _ in range(8)]
        same = access_oracle._policy(dice, pool)
        texts = [same + access_oracle._policy(dice, pool) for _ in range(2)]
        before, after = (_token(bao, name, text) for name, text in zip(("before", "after"), texts, strict=True))
        found = differences(*(Acl([parse(text, "p")]) for text in texts))
        confirmed += _confirmed(bao, found, before, after)
    assert confirmed > 300


def _rule(path: str, *words: str) -> str:
    listed = ", ".join(f'"{word}"' for word in words)
    return f'path "{path}" {{ capabilities = [{listed}] }}\n'


ALL = _rule("kv/*", "read", "list", "update")


@pytest.mark.parametrize(
    ("before", "after", "operation"),
    [
        (_rule("kv/data/b", "read"), _rule("kv/data/b", "read") + _rule("kv/data/a", "read"), "read"),
        (_rule("kv/data/a", "read"), _rule("kv/data/*", "read"), "read"),
        (_rule("kv/data/a/b", "create"), _rule("kv/data/+/b", "create"), "create"),
        (ALL + _rule("kv/data/a", "deny"), ALL, "read"),
        (ALL + _rule("kv/data/a/*", "list"), ALL, "read"),
        (ALL + _rule("kv/metadata/+", "deny"), ALL, "list"),
        (_rule("kv/data/a", "read"), _rule("kv/data/a", "read", "delete"), "delete"),
    ],
    ids=["direct", "glob", "plus", "deny removed", "shadowing", "shadowing of a listing", "capability"],
)
def test_the_witness_of_a_pull_request_was_refused(
    bao: OpenBao, tmp_path: Path, before: str, after: str, operation: str
) -> None:
    """Two revisions of a policy in a file, and each of them on a server."""
    folder = repository(tmp_path / "policies")
    for revision, text in (("base", before), ("proposed", after)):
        (folder / "p.hcl").write_text(text)
        committed(folder, revision)
    code, found, _ = diff(os.environ, "base", "proposed", "--folder", str(folder))
    assert code == 1
    one = next(c for c in found if operation in c["gained"])
    assert (one["subject"], one["witness"]["operation"]) == ("policy p", min(one["gained"]))
    method, path = _REQUESTS[operation], one["witness"]["path"]
    was, now = _token(bao, "before", before), _token(bao, "after", after)
    assert _refused(bao, was, method, path)
    assert not _refused(bao, now, method, path)
    assert diff(os.environ, "proposed", "--folder", str(folder)) == (0, [], "")


def test_of_a_larger_repository_only_the_products_own_code_is_told(tmp_path: Path) -> None:
    """Where it is a subfolder of one; and of two folders nobody knows what code is theirs."""
    above = repository(tmp_path / "everything")
    declared = above / "infra" / "policies" / "access"
    shutil.copytree(ACCESS, declared)
    committed(above, "base")
    files = ("infra/stacks/a b.py", "infra/docs/a.md", "others/a.py", ".github/workflows/x.yml")
    for name in files:
        (above / name).parent.mkdir(parents=True)
        (above / name).write_text("proposed")
    where = ("--folder", str(declared))
    for proposed in ([], ["proposed"]):
        if proposed:
            committed(above, "proposed")
        code, (one,), _ = diff(os.environ, "base", *proposed, *where)
        assert (code, one["owner"], one["files"]) == (1, "", [".github/workflows/x.yml", "infra/stacks/a b.py"])
    assert diff(os.environ, str(ACCESS), str(declared), *where) == (0, [], "")
