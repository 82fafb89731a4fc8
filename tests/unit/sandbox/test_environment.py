"""What a shell is told of a sandbox that is down."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from policies.errors import InputError, Unreachable
from rotation.commands.sandbox import env
from sandbox.environment import Sandbox
from sandbox.services.openbao import OpenBao
from sandbox.services.postgres import Postgres


def test_a_sandbox_that_is_down_is_a_system_that_could_not_be_reached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the exit code that the command's help has for it; no variable is told."""
    monkeypatch.setenv("PORTCULLIS_SANDBOX", str(tmp_path / "never"))
    done = CliRunner().invoke(env)
    assert isinstance(done.exception, Unreachable)
    assert str(done.exception) == "the sandbox is not up; run `portcullis sandbox up`"
    assert done.stdout == ""
    told = env.help or ""
    assert f"exit {done.exception.exit_code} " in told
    with pytest.raises(Unreachable):
        Sandbox(tmp_path / "never").environ()


def test_what_the_shell_has_of_other_servers_does_not_win(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "postgres.vault_manager").touch()
    told = {**OpenBao(tmp_path, 1).environ(), **Postgres(tmp_path, 1).environ()}
    assert [told[name] for name in ("PGPASSWORD", "VAULT_NAMESPACE", "BAO_NAMESPACE")] == [""] * 3


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"^the sandbox's folder: .*file.*: .*; PORTCULLIS_SANDBOX names another"):
        Sandbox(tmp_path / "file" / "box").up(print)
