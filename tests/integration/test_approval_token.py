"""`portcullis approval --token-file` on a real OpenBao and OPA: for what was approved there is a token, and for nothing
else."""

from __future__ import annotations

import json
import shutil
import stat
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from containment import names
from containment.compiled import operators
from policies.digest import digest, of_file
from policies.errors import Unreachable
from policies.load import ACCESS
from sandbox.doubles.github import free_port
from sandbox.environment import Sandbox
from tests.integration.pull_request import World

FILE = "production/risk-limits-token.yaml"
CREATE = f"auth/token/create/{names.APPLY_ROLE}"


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Servers up and onboarded; nothing is applied."""
    made = Sandbox(tmp_path_factory.mktemp("box") / "sandbox")
    try:
        made.up(print)
        yield made
    finally:
        made.reset(print)


class Asked:
    """A pull request with declarations in it, checked out where the command runs."""

    def __init__(self, world: World, box: Sandbox) -> None:
        self.world, self.box = world, box
        self.folder = world.folder / "clone" / "policies" / "access"
        self.file = world.folder / "apply.token"
        shutil.copytree(ACCESS, self.folder)
        self.widen()
        world.push("declared")

    def widen(self) -> None:
        file = self.folder / FILE
        file.write_text(file.read_text() + "\n")

    def approve(self) -> None:
        for person in ("rita", "sam"):
            self.world.review(person)

    def run(self, *argv: str, diff: Path | None = None, pull: int = 1, **environ: str) -> tuple[int, str]:
        """Exit code and what was said."""
        told = {"PORTCULLIS_DECLARATIONS": str(self.folder), **self.box.environ(), "GITHUB_OWNER": "", **environ}
        told |= {"GITHUB_BASE_URL": self.world.url, "GITHUB_TOKEN": "ghp-actions-000"}
        told.setdefault("OPA_URL", self.world.opa)
        done = self.world.run("--token-file", str(self.file), *argv, diff=diff, pull=pull, **told)
        return done.returncode, done.stdout + done.stderr

    def made(self) -> dict[str, Any]:
        """What the server says of the token in the file."""
        found: dict[str, Any] = self.box.openbao.call("GET", "auth/token/lookup-self", token=self.file.read_text())
        return dict(found["data"])

    def alive(self) -> int:
        """Tokens of the role, by the server."""
        bao, root = self.box.openbao, self.box.openbao.root_token()
        found = bao.call("LIST", "auth/token/accessors", token=root)["data"]["keys"]
        looked = [bao.call("POST", "auth/token/lookup-accessor", {"accessor": a}, token=root)["data"] for a in found]
        return sum(t["role"] == names.APPLY_ROLE for t in looked if "role" in t)


@pytest.fixture
def asked(tmp_path: Path, box: Sandbox) -> Iterator[Asked]:
    with World.opened(tmp_path, box.environ()["OPA_URL"]) as world:
        yield Asked(world, box)


def test_what_was_approved_has_a_token_that_says_so(asked: Asked, tmp_path: Path) -> None:
    asked.approve()
    asked.world.merge()
    plan = tmp_path / "plan.json"
    plan.write_text("{}")
    code, said = asked.run("--plan", str(plan), "--json")
    assert code == 0, said
    token = asked.file.read_text()
    assert token not in said
    assert stat.S_IMODE(asked.file.stat().st_mode) == 0o600
    held, head = asked.made(), asked.world.ask("GET", "/pulls/1")["head"]["sha"]
    bound = {"declarations": digest(asked.folder), "pull": "1", "head": head, "plan": of_file(plan)}
    assert held["meta"] == bound
    assert (held["policies"], held["type"], held["orphan"]) == (["default", operators.OPERATOR], "service", True)
    assert (held["renewable"], held["ttl"] <= operators.APPLY_TTL) == (False, True)
    told = json.loads(said.splitlines()[-1]) if said.count("\n") == 1 else json.loads(said)
    assert {k: told["token"][k] for k in bound} == bound
    assert told["token"]["accessor"] == held["accessor"]


def test_what_was_not_approved_has_none(asked: Asked) -> None:
    before = asked.alive()
    asked.approve()
    asked.world.push("a later push")
    asked.world.merge()
    code, said = asked.run("--json")
    assert (code, json.loads(said)["token"]) == (1, None)
    asked.approve()
    asked.world.review("sam", "REQUEST_CHANGES")
    assert asked.run()[0] == 1
    assert (asked.file.exists(), asked.alive()) == (False, before)


def test_what_is_not_merged_has_none(asked: Asked) -> None:
    asked.approve()
    before = asked.alive()
    code, said = asked.run()
    assert (code, "pull request 1 is not merged" in said) == (2, True), said
    assert (asked.file.exists(), asked.alive()) == (False, before)


def test_what_was_merged_to_another_branch_has_none(asked: Asked) -> None:
    """Into a branch that has the same files already, so that nothing widens there and nobody must approve."""
    asked.world.elsewhere()
    asked.world.merge(2)
    before = asked.alive()
    code, said = asked.run(diff=asked.world.diff(2, widens=False, changes=[]), pull=2)
    assert (code, "goes to 'cover'" in said) == (2, True), said
    assert (asked.file.exists(), asked.alive()) == (False, before)


def test_what_was_merged_with_more_has_none(asked: Asked) -> None:
    """The branch was not up to date: what came of the merge is not what was approved at the head."""
    asked.approve()
    content = b64encode(b"kind: unread\n").decode()
    more = {"message": "more", "content": content, "branch": "main"}
    asked.world.ask("PUT", "/contents/policies/access/production/more.yaml", more)
    asked.world.merge()
    before = asked.alive()
    merged = asked.world.ask("GET", "/pulls/1")["merge_commit_sha"]
    code, said = asked.run()
    assert (code, f"pull request 1 at {merged[:12]} has" in said) == (2, True), said
    assert (asked.file.exists(), asked.alive()) == (False, before)


def test_without_an_answer_there_is_none(asked: Asked) -> None:
    asked.approve()
    asked.world.merge()
    before = asked.alive()
    assert asked.run(OPA_URL=f"http://127.0.0.1:{free_port()}")[0] == 3
    assert asked.run(GITHUB_REPOSITORY="x/y", PORTCULLIS_TEAMS_TOKEN="ghp-nobody")[0] == 3
    assert (asked.file.exists(), asked.alive()) == (False, before)


def test_it_is_for_what_is_checked_out_and_no_other(asked: Asked) -> None:
    """An old pull request keeps its approvals; what was merged since is not its."""
    asked.approve()
    asked.world.merge()
    before = asked.alive()
    approved = digest(asked.folder)
    asked.widen()
    code, said = asked.run()
    assert (code, f"here are {digest(asked.folder)}" in said, f"has {approved}" in said) == (2, True, True), said
    (asked.folder / FILE).write_text("nonsense")
    assert asked.run()[0] == 2
    assert (asked.file.exists(), asked.alive()) == (False, before)


def test_wrong_use_is_said_before_anybody_is_asked(asked: Asked, tmp_path: Path) -> None:
    asked.approve()
    asked.world.merge()
    before = asked.alive()
    code, said = asked.run("--plan", str(tmp_path / "none.json"))
    assert (code, "none.json" in said) == (2, True)
    code, said = asked.run(PORTCULLIS_APPROVER_TOKEN_FILE="")
    assert (code, "PORTCULLIS_APPROVER_TOKEN_FILE not set" in said) == (2, True)
    prober = asked.box.environ()["PORTCULLIS_PROBER_TOKEN_FILE"]
    code, said = asked.run(PORTCULLIS_APPROVER_TOKEN_FILE=prober)
    assert (code, f"may not make one by the token role {names.APPLY_ROLE}" in said) == (3, True)
    asked.file.symlink_to(tmp_path / "elsewhere")
    assert asked.run()[0] == 2
    assert (asked.file.exists(), asked.alive()) == (False, before)
    done = asked.world.run("--plan", "plan.json")
    assert (done.returncode, "--token-file" in done.stderr) == (2, True)


def test_the_approver_makes_that_token_and_does_nothing_else(box: Sandbox) -> None:
    token = Path(box.environ()["PORTCULLIS_APPROVER_TOKEN_FILE"]).read_text()
    meta = {"declarations": "0" * 64}

    def refused(path: str, body: Any = None, method: str = "POST") -> bool:
        try:
            box.openbao.call(method, path, body, token=token)
        except Unreachable as error:
            return ": 403 " in str(error) or ": 400 " in str(error)
        return False

    assert not refused(CREATE, {"meta": meta})
    wishes: list[dict[str, Any]] = [
        *({"policies": [name]} for name in (operators.APPROVER, operators.BREAK_GLASS, names.GATE, "root")),
        *({"period": "24h"}, {"type": "batch"}, {"no_parent": False}, {"explicit_max_ttl": "24h"}, {"id": "mine"}),
        *({"renewable": True}, {"no_default_policy": True}, {"entity_alias": "x"}, {"num_uses": 1}),
    ]
    for more in wishes:
        assert refused(CREATE, {"meta": meta, **more}), more
    assert refused(CREATE, {}), "one that says nothing"
    for path in ("auth/token/create", "auth/token/create-orphan", f"auth/token/create/{names.PROBE_ROLE}"):
        assert refused(path, {"meta": meta})
    for path in ("sys/policies/acl/pc-gate", f"auth/token/roles/{names.APPLY_ROLE}", "portcullis/data/compiled"):
        assert refused(path, method="GET")
        assert refused(path, {"policy": "", "allowed_policies": ["root"], "data": {}})
    made = box.openbao.call("POST", CREATE, {"meta": meta, "ttl": "24h"}, token=token)["auth"]
    assert made["lease_duration"] <= operators.APPLY_TTL
