"""Pulumi is not asked while the vault is away, and what it said is cut between lines, never within one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
from click.testing import CliRunner

from containment.adapters.vault import HvacVault
from containment.ports import DeployKey, WorkflowToken
from containment.undeclared import seen
from policies.errors import TimedOut, Unanswered, Unreachable
from policies.load import load
from rotation.commands.drift import command
from rotation.drift import compare
from rotation.drift.compare import Drift

LINES = [f"error {n}: the provider could not reach the server" for n in range(40)]


@pytest.fixture
def settings(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("shutil.which", lambda _: "/pulumi")
    file = tmp_path_factory.mktemp("stack") / "Pulumi.local.yaml"
    file.write_text("config: {}\n")
    return file


@pytest.mark.parametrize("spoken", ["stderr", "diagnostics"])
def test_whole_lines_are_kept(spoken: str, settings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"diagnostics": [{"severity": "error", "message": line} for line in LINES]}
    answer = ("", "\n".join(LINES)) if spoken == "stderr" else (json.dumps(told), "")
    monkeypatch.setattr(compare, "_run", lambda _: (255, *answer))
    with pytest.raises(Unreachable) as error:
        compare.preview("local", settings)
    head, *kept = str(error.value).splitlines()
    assert head == "pulumi preview exited 255: …"
    assert kept == LINES[-len(kept) :]
    assert 500 < len("".join(kept)) <= 600


@pytest.mark.parametrize("text", ["", "short", "two\nlines", "x" * 900])
def test_what_fits_and_one_long_line_stay_whole(text: str, settings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare, "_run", lambda _: (255, "", text))
    with pytest.raises(Unreachable) as error:
        compare.preview("local", settings)
    assert str(error.value) == f"pulumi preview exited 255: {text}"


class Vault:
    def __init__(self, error: Unreachable) -> None:
        self.error = error

    def whoami(self, _: str = "") -> str:
        raise self.error

    incidents = seen = read = whoami


@pytest.mark.parametrize(
    ("error", "asked"), [(Unanswered("vault: away"), False), (Unreachable("vault: 403"), True)], ids=["away", "refused"]
)
def test_a_vault_that_does_not_answer_is_not_waited_for(
    settings: Path, monkeypatch: pytest.MonkeyPatch, error: Unreachable, asked: bool
) -> None:
    previewed: list[str] = []

    def preview(stack: str, _: Path) -> list[str]:
        previewed.append(stack)
        return ["pulumi's"]

    monkeypatch.setattr(compare, "preview", preview)
    monkeypatch.setattr(compare, "_github", lambda *_: ([], ["github's"]))
    monkeypatch.setattr(compare, "_environments", lambda *_: ([], []))
    monkeypatch.setattr(compare, "_actions_secrets", lambda *_: ([], ["a secret's"]))
    monkeypatch.setattr(compare, "_vault", lambda vault, _: vault.whoami())
    vault: Any = Vault(error)
    found = compare.drift(load(), vault, lambda: vault, "local", settings)
    assert found.unmanaged == ("github's", "a secret's")
    assert (previewed, found.changed) == ((["local"], ("pulumi's",)) if asked else ([], ()))
    away = (*(() if asked else ("pulumi",)), "incident caps", "vault contents", "vault", "audit devices", "last apply")
    assert found.unread == tuple(f"{name}: {error}" for name in away)
    assert found.exit_code == 3


AUDITED = {"file/": {"type": "file", "options": {"file_path": "/log"}}}


class Known:
    audit: ClassVar[dict[str, Any]] = AUDITED

    def read(self, path: str) -> dict[str, Any]:
        assert path == "sys/audit"
        return self.audit

    def whoami(self) -> str:
        return "drift"

    def incidents(self) -> tuple[str, ...]:
        return ()

    def now(self) -> int:
        return 0

    def seen(self) -> dict[str, Any]:
        return {}

    def repository_ids(self) -> dict[str, int]:
        return {}


@pytest.mark.parametrize(
    ("refused", "what"), [("actions_secrets", "actions secrets"), ("environments", "environments")]
)
def test_a_token_that_may_not_list_these_has_not_read_them(
    settings: Path, monkeypatch: pytest.MonkeyPatch, refused: str, what: str
) -> None:
    """Each is a right of its own."""

    class Host:
        def actions_secrets(self, repository: str) -> list[str]:
            self._refuse("actions_secrets", repository)
            return []

        def environments(self, repository: str) -> dict[str, Any]:
            self._refuse("environments", repository)
            return {}

        def _refuse(self, asked: str, repository: str) -> None:
            if asked == refused:
                raise Unreachable(f"github: {repository}: 403 Resource not accessible")

    for name, answer in (("preview", []), ("_vault", None), ("_github", ([], ["github's"]))):
        monkeypatch.setattr(compare, name, lambda *_, answer=answer: answer)
    monkeypatch.setattr(compare, "in_vault", lambda *_: [])
    monkeypatch.setattr("rotation.drift.contents.changed", lambda *_: [])
    monkeypatch.setattr("containment.effects.issuance.uncapped", lambda *_: [])
    host: Any = Host()

    vault: Any = Known()
    found = compare.drift(load(), vault, lambda: host, "local", settings)
    assert found.exit_code == 3
    assert "github's" in found.unmanaged
    (unread,) = found.unread
    assert unread.startswith(f"{what}: github: ")
    assert "403" in unread


@pytest.mark.parametrize(
    ("found", "code", "word"),
    [
        (Drift((), (), ()), 0, False),
        (Drift((), ("a policy",), ("pulumi: x",)), 3, True),
        (Drift((), (), ("pulumi: x",)), 3, None),
    ],
)
def test_what_could_not_be_read_is_not_called_none(
    found: Drift, code: int, word: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rotation.drift.compare.drift", lambda *_: found)
    monkeypatch.setattr(HvacVault, "from_environment", lambda *_: None)
    done = CliRunner().invoke(command, ["--json"])
    assert (done.exit_code, json.loads(done.stdout)["drift"]) == (code, word)


class Github:
    """A key by the declared title that is another one, and whatever else drift asks for."""

    def deploy_keys(self, _: str) -> list[DeployKey]:
        return [DeployKey(8, "deploy", True, "2026-01-01T00:00:00Z")]

    def openness(self, _: str) -> dict[str, Any]:
        return {"private": False}

    def environments(self, _: str) -> dict[str, Any]:
        return {}

    def organization_rules(self) -> dict[str, Any]:
        return {"allowed_actions": "all"}

    def workflow_token(self, _: str = "") -> WorkflowToken:
        return WorkflowToken(False, False)

    def default_branch(self, _: str) -> str:
        return "main"

    def repository_id(self, _: str) -> int:
        return 1

    def _none(self, _: str) -> list[str]:
        return []

    actions_secrets = branch_rules = rulesets = _none


@pytest.mark.parametrize("failing", ["seen", "repository_ids"])
def test_a_last_apply_that_could_not_be_read_is_unread(
    settings: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    """Without it a swapped deploy key is nothing to compare; GitHub is listed all the same."""

    def refuse(*_: object) -> None:
        raise TimedOut("vault: read portcullis/data/compiled: ReadTimeout")

    for name, answer in (("preview", []), ("_vault", None)):
        monkeypatch.setattr(compare, name, lambda *_, answer=answer: answer)
    monkeypatch.setattr(compare, "in_vault", lambda *_: [])
    monkeypatch.setattr("rotation.drift.contents.changed", lambda *_: [])
    monkeypatch.setattr("containment.effects.issuance.uncapped", lambda *_: [])
    repository = replace(next(r for r in load().repositories if r.deploy_keys), name="some", deploy_keys=("deploy",))
    estate = replace(load(), repositories=(repository,))
    vault: Any = Known()
    host: Any = Github()
    known = compare.drift(estate, vault, lambda: host, "local", settings)
    assert (known.unread, known.exit_code) == ((), 1)
    assert "deploy key some: deploy (no apply has seen it)" in known.changed
    monkeypatch.setattr(Known, failing, refuse)
    found = compare.drift(estate, vault, lambda: host, "local", settings)
    assert found.unread == ("last apply: vault: read portcullis/data/compiled: ReadTimeout",)
    assert found.exit_code == 3
    assert not [line for line in found.changed if line.startswith("deploy key")]
    assert found.unmanaged == known.unmanaged


def test_an_environment_that_is_gone_at_github_is_named() -> None:
    host: Any = Github()
    repository = replace(load().repositories[0], name="some")
    before = {f"environment {name}/apply": {"protection_rules": "x"} for name in ("some", "declared-no-more")}
    changed, more = compare._environments(host, replace(load(), repositories=(repository,)), (before, {}))
    assert [line.partition(" (")[0] for line in changed] == ["environment some/apply"]
    assert more == []


def test_the_audit_devices_are_compared_and_none_at_all_is_always_said(monkeypatch: pytest.MonkeyPatch) -> None:
    vault: Any = Known()
    assert compare._audit_devices(vault, ({}, {})) == ["audit device file/ (no apply has seen it)"]
    last = seen.of_audit(vault), dict[str, int]()
    assert compare._audit_devices(vault, last) == []
    raw = {"file/": {"type": "file", "options": {"file_path": "/log", "log_raw": "true"}}}
    monkeypatch.setattr(Known, "audit", raw)
    assert compare._audit_devices(vault, last) == ["audit device file/ (not as the last apply saw it: log_raw)"]
    monkeypatch.setattr(Known, "audit", {})
    none = "audit device (none is enabled: nothing tells who did what)"
    gone = "audit device file/ (is gone: nothing is written there any more of who did what)"
    assert compare._audit_devices(vault, last) == [none, gone]
    assert compare._audit_devices(vault, ({}, {})) == compare._audit_devices(vault, None) == [none]


def test_a_copy_that_is_gone_at_github_is_named() -> None:
    class Host:
        def actions_secrets(self, _: str) -> list[str]:
            return []

    host: Any = Host()
    gone, more = compare._actions_secrets(host, load())
    declared = [f"{r.name}: {copy.name}" for r in load().repositories for copy in r.actions_secrets]
    assert [line.removeprefix("actions secret ").partition(" (")[0] for line in gone] == declared
    assert declared
    assert more == []
