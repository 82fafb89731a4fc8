"""`portcullis access` on files and declarations."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from policies.errors import InputError
from rotation.asking import sides
from rotation.cli import cli

APP = """\
path "secret/*" { capabilities = ["read"] }
path "secret/data/+/x*" {
  capabilities = ["read", "update"]
}
path "secret/data/team-a/{{identity.entity.name}}" { capabilities = ["deny"] }
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "app.hcl").write_text(APP)
    more = {"path": {"secret/data/team-a/x": {"capabilities": ["list"], "allowed_parameters": {"a": ["b"]}}}}
    (tmp_path / "more.json").write_text(json.dumps(more))
    (tmp_path / "eve.json").write_text(json.dumps({"data": {"id": "1", "name": "x", "aliases": None}}))
    return tmp_path


def run(*argv: str | Path) -> Result:
    return CliRunner().invoke(cli, ["access", *map(str, argv)], catch_exceptions=True)


def answer(*argv: str | Path) -> Any:
    done = run(*argv, "--json")
    assert done.exit_code == 0, done.exception
    return json.loads(done.stdout)


def test_explain_names_the_rule_and_what_it_shadowed(folder: Path) -> None:
    found = answer("explain", "--policy", folder / "app.hcl", "secret/data/team-a/x")
    assert (found["path"], found["capabilities"]) == ("secret/data/team-a/x", ["read", "update"])
    rule = {"path": "secret/data/+/x*", "capabilities": ["read", "update"], "policy": "app"}
    assert found["rule"] == {**rule, "file": str(folder / "app.hcl"), "line": 2}
    (shadowed,) = found["shadowed"]
    assert (shadowed["path"], shadowed["line"]) == ("secret/*", 1)
    assert shadowed["reason"] == "the winner's first `+` or `*` comes later"
    assert [rule["line"] for rule in found["unresolved"]] == [5]


def test_explain_joins_policies_and_fills_an_entity_in(folder: Path) -> None:
    both = ("--policy", folder / "app.hcl", "--policy", folder / "more.json", "secret/team-a/x")
    found = answer("explain", *both)
    assert (found["path"], found["capabilities"]) == ("secret/data/team-a/x", ["list"])
    assert found["rule"]["constraints"] == {"allowed_parameters": {"a": ["b"]}}
    assert "read at secret/data/team-a/x" in found["note"]
    found = answer("explain", "--entity", folder / "eve.json", *both)
    assert (found["capabilities"], found["rule"]["line"], found["unresolved"]) == (["deny"], 5, [])
    assert found["shadowed"][0]["reason"] == "a deny on the same path wins"


def test_nothing_matches(folder: Path) -> None:
    found = answer("explain", "--policy", folder / "app.hcl", "sys/mounts")
    assert (found["capabilities"], found["rule"], found["shadowed"]) == (["deny"], None, [])


def test_who_of_a_folder_of_policies(folder: Path) -> None:
    (folder / "eve.json").unlink()
    found = answer("who", "secret/team-b/x", "--folder", folder)
    assert [(e["kind"], e["name"]) for e in found["reach"]] == [("policy", "app")]
    (folder / "own.hcl").write_text('path "secret/data/{{identity.entity.name}}" { capabilities = ["read"] }')
    found = answer("who", "secret/eve", "--folder", folder)
    assert [(p["name"], p["path"]) for p in found["perhaps"]] == [("own", "secret/data/eve")]


def test_who_and_of_from_declarations() -> None:
    found = answer("who", "exchange-trading-key")
    (workload,) = [e for e in found["reach"] if e["kind"] == "workload"]
    assert (workload["name"], workload["access"][0]["capabilities"]) == ("execution-engine", ["read"])
    rule = workload["access"][0]["rules"][0]
    assert rule["file"].endswith("exchange-trading-key.yaml")
    assert rule["through"] == ["role auth/approle/role/execution-engine, token_policies"]
    (held,) = answer("of", "settlement")["principals"]
    grant = next(g for g in held["grants"] if g["path"] == "database/creds/settlement-readonly")
    assert grant["stands_for"][0]["groups"] == ["tradepulse_readonly"]


def test_tables_show_control_characters_as_text(folder: Path) -> None:
    (folder / "app.hcl").write_text('path "secret/\\u001b[31m/[bold]x\\u202e*" { capabilities = ["read"] }')
    shown = run("explain", "--policy", folder / "app.hcl", "secret/\x1b[31m/[bold]x\u202ey").stdout
    assert [c for c in "\x1b\u202e" if c in shown] == []
    assert [text for text in ("\\x1b[31m", "[bold]") if text not in shown] == []


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("explain", "x/y"), "no policy"),
        (("explain", "--policy", "gone.hcl", "x/y"), "no such regular file"),
        (("explain", "--policy", "bad.hcl", "x/y"), "bad.hcl:2"),
        (("explain", "--policy", "app.hcl", "--entity", "bad.hcl", "x/y"), "no JSON"),
        (("explain", "--policy", "app.hcl", "/"), "is no path"),
        (("who", "x/y", "--folder", "gone"), "no such folder"),
        (("of", "nobody"), "nobody is called"),
    ],
)
def test_bad_input_is_named(folder: Path, argv: tuple[str, ...], said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "bad.hcl").write_text('path "a" { capabilities = ["read"] }\npath "b" { capabilities = ["rule"] }')
    monkeypatch.chdir(folder)
    done = run(*argv)
    assert isinstance(done.exception, InputError)
    assert said in str(done.exception)


@pytest.mark.parametrize("command", ["", "who", "of", "explain"])
def test_help_has_examples(command: str) -> None:
    shown = run(*filter(None, [command]), "--help").stdout
    assert "Examples:\n" in shown
    assert f"portcullis access {command}".strip() in shown


def test_a_folder_that_is_called_as_a_revision_stands_in_for_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever may merge a folder would answer for what was asked of a commit."""
    monkeypatch.chdir(tmp_path)
    for folder, word in (("policies", "read"), ("main", "read"), ("other", "read")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "p.hcl").write_text(f'path "a" {{ capabilities = ["{word}"] }}')

    def git(*argv: str) -> str:
        name = ["-c", "user.name=Dana", "-c", "user.email=dana@example.invalid"]
        return subprocess.run(["git", *name, *argv], check=True, capture_output=True, text=True).stdout.strip()

    git("init", "-q", "-b", "main")
    git("add", "policies")
    git("commit", "-qm", "one")
    commit = git("rev-parse", "HEAD")
    (tmp_path / commit).mkdir()
    (tmp_path / commit / "p.hcl").write_text('path "a" { capabilities = ["sudo"] }')
    (tmp_path / ".git" / "info" / "exclude").write_text(f"main\nother\n{commit}\n")  # they would be changed code
    asked = ("diff", "--folder", "policies")
    assert run(*asked, commit).exit_code == 0, "the commit's policies, not the folder's"
    both = run(*asked, "main")
    assert isinstance(both.exception, InputError)
    assert "'./main' names the folder, 'main^{commit}' the revision" in str(both.exception)
    for word in ("./main", "main^{commit}", "other"):
        assert run(*asked, word).exit_code == 0


@pytest.mark.parametrize(("unread", "code"), [((), 1), (("auth/jwt: refused",), 3)])
def test_what_could_not_be_read_outranks_what_widens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unread: tuple[str, ...], code: int
) -> None:
    for folder, word in (("before", "read"), ("after", "update")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "p.hcl").write_text(f'path "a" {{ capabilities = ["{word}"] }}')
    with (
        sides.side(str(tmp_path / "before"), tmp_path) as before,
        sides.side(str(tmp_path / "after"), tmp_path) as after,
    ):
        monkeypatch.setattr(sides, "with_server", lambda *_: (before, after, unread))
        assert run("diff", "server", "--live").exit_code == code


def test_what_has_expired_grants_nothing(folder: Path) -> None:
    text = 'path "late/x" { capabilities = ["read"]\n expiration = "2020-01-01T00:00:00Z" }'
    (folder / "eve.json").unlink()
    (folder / "late.hcl").write_text(text)
    assert answer("explain", "--policy", folder / "late.hcl", "late/x")["capabilities"] == ["deny"]
    assert answer("who", "late/x", "--folder", folder)["reach"] == []
