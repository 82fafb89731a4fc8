"""A lock-down that is interrupted or asked wrongly: what is said, what is left, and that the same command goes on."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from containment.adapters.vault import HvacVault
from containment.errors import DENIED
from containment.folder import record
from drill.stack import pulumi
from policies.load import ACCESS
from sandbox.environment import REPOSITORY, Sandbox
from sandbox.estate import prepare

NAME = "treasury-readonly"
UNTIL = "not contained until the same command has run to its end; run it again"
LOCK = ("incident=true", "incidentId=", f"incidentScope={NAME}")


@contextmanager
def _interruptible() -> Iterator[None]:
    """SIGINT is ignored in a job in the background, and by its children."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _cut(argv: Sequence[str], env: dict[str, str], at: str, by: signal.Signals = signal.SIGINT) -> tuple[int, str, str]:
    """Ctrl-C, which the whole process group gets, at the first line with `at`: exit code, stdout, stderr."""
    with (
        _interruptible(),
        subprocess.Popen(
            argv, cwd=REPOSITORY, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, process_group=0
        ) as child,
    ):
        assert child.stderr is not None
        assert child.stdout is not None
        told = ""
        for line in child.stderr if "pulumi" not in argv else child.stdout:
            told += line
            if at in line:
                os.killpg(child.pid, by)
                break
        out, err = child.communicate(timeout=60)
    return (child.returncode, out, told + err) if "pulumi" not in argv else (child.returncode, told + out, err)


def _outputs(sandbox: Sandbox, env: dict[str, str]) -> dict[str, object]:
    argv = ["pulumi", "stack", "output", "--json", "--stack", "local"]
    done = subprocess.run(argv, cwd=sandbox.root / "pulumi" / "project", env=env, capture_output=True, check=True)
    return dict(json.loads(done.stdout))


@pytest.mark.parametrize(
    ("config", "reason"),
    [(("incident=True",), "'True'; one of keep, true, false"), (("incident=true", "incidentScope=nobody"), "nobody")],
)
def test_what_is_refused_leaves_the_outputs(
    sandbox: Sandbox, env: dict[str, str], config: tuple[str, ...], reason: str
) -> None:
    before = _outputs(sandbox, env)
    assert before == {"environment": "all", "mode": "open", "openIncidents": []}
    refused = pulumi(sandbox, *config)
    assert refused.returncode != 0
    assert reason in refused.stdout
    assert _outputs(sandbox, env) == before


def test_what_is_new_to_the_operators_policy_names_the_remedy_which_serves(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(shutil.copytree(ACCESS, tmp_path / "access"))
    text = (folder / "production" / "workload-settlement.yaml").read_text()
    (folder / "production" / "workload-newcomer.yaml").write_text(text.replace("settlement", "newcomer"))
    with monkeypatch.context() as changed:
        changed.setenv("PORTCULLIS_DECLARATIONS", str(folder))
        refused = pulumi(sandbox, "incident=keep")
        assert refused.returncode != 0
        assert "permission denied" in refused.stdout
        assert DENIED in refused.stdout
        prepare(sandbox, print)  # the administrator's part
        done = pulumi(sandbox, "incident=keep")
        assert done.returncode == 0, done.stdout
    done = pulumi(sandbox, "incident=keep")  # while the operator may delete it
    assert done.returncode == 0, done.stdout
    prepare(sandbox, print)


def _becomes_known(sandbox: Sandbox, env: dict[str, str], workload: str, *config: str) -> None:
    """A role that Pulumi's state does not have fails, the run says by which command it has it, and that serves."""
    vault, role = HvacVault.from_environment(env), f"auth/approle/role/{workload}"
    ids, was = vault.keys(f"{role}/secret-id"), vault.read(role)
    project = sandbox.root / "pulumi" / "project"
    kind = "access:Workload$vault:appRole/authBackendRole:AuthBackendRole"
    urn = f"urn:pulumi:local::portcullis::portcullis:{kind}::{workload}"
    subprocess.run(["pulumi", "state", "delete", "--yes", "--stack", "local", urn], cwd=project, env=env, check=True)
    failed = pulumi(sandbox, *config)
    assert failed.returncode != 0
    assert f"login roles that failed are on the server: {workload}. Where Pulumi says of one" in failed.stdout
    said = {line.partition("error: ")[2] for line in failed.stdout.splitlines() if "error: pulumi import" in line}
    assert len(said) == 1, failed.stdout
    done = subprocess.run(shlex.split(said.pop()), cwd=project, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    again = pulumi(sandbox, *config)
    assert again.returncode == 0, again.stdout
    assert vault.keys(f"{role}/secret-id") == ids != []
    assert vault.read(role) == was, "as it was declared, or capped"


def test_a_role_that_the_state_does_not_know_is_taken_into_it(sandbox: Sandbox, env: dict[str, str]) -> None:
    _becomes_known(sandbox, env, "settlement", "incident=keep")  # whatever the test before left in the file


def _caps(sandbox: Sandbox) -> list[str]:
    done = pulumi(sandbox, *LOCK, preview=True)
    assert done.returncode == 0, done.stdout
    caps = {line.partition("cap ")[2] for line in done.stdout.splitlines() if "cap " in line}
    return sorted(cap.partition(": ")[0] for cap in caps)


def test_pulumi_interrupted_says_what_is_true_and_goes_on(sandbox: Sandbox, env: dict[str, str]) -> None:
    assert _caps(sandbox) == ["auth/approle/role/treasury-report", f"database/roles/{NAME}"]
    config = sandbox.root / "pulumi" / "project" / "Pulumi.local.yaml"
    argv = ["pulumi", "up", "--yes", "--skip-preview", "--non-interactive", "--stack", "local"]
    argv += ["--config-file", str(config), *(word for item in LOCK for word in ("--config", item))]
    code, out, _ = _cut(argv, env, "done: quarantine")
    assert code != 0
    assert UNTIL in out
    assert "Traceback" not in out
    assert _outputs(sandbox, env)["mode"] != "locked"
    done = pulumi(sandbox, *LOCK)
    assert done.returncode == 0, done.stdout
    assert _outputs(sandbox, env)["mode"] == "locked"
    assert len(HvacVault.from_environment(env).incidents()) == 1, "the same command opened another incident"
    assert _caps(sandbox) == [], "they are there already"


def test_a_role_that_the_state_does_not_know_is_taken_into_it_in_an_incident(
    sandbox: Sandbox, env: dict[str, str]
) -> None:
    _becomes_known(sandbox, env, "treasury-report", "incident=keep")


def test_contain_interrupted_says_what_is_true_and_goes_on(env: dict[str, str]) -> None:
    argv = [sys.executable, "-m", "rotation", "contain", "--scope", "partner-api-key", "--json"]
    code, out, err = _cut(argv, env, "done: gate")
    assert code == 130
    said = f"interrupted: {UNTIL}; where no incident is named above, nothing is on record or changed"
    assert json.loads(out) == {"error": said, "exit_code": 130}
    assert err.endswith(f"portcullis: {said}\n")
    again = subprocess.run(argv, cwd=REPOSITORY, env=env, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["contained"] is True
    assert again.stderr.count("holds the rest, and is swept once more together with") == 1
    assert len(HvacVault.from_environment(env).incidents()) == 2


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_what_an_interrupted_run_did_is_in_the_timeline(env: dict[str, str], by: signal.Signals) -> None:
    names = {signal.SIGINT: "market-key", signal.SIGTERM: "trading-key-staging", signal.SIGKILL: "trading-key"}
    name = f"exchange-{names[by]}"
    incident = f"CUT-{by.name}"
    argv = [sys.executable, "-m", "rotation", "contain", "--scope", name, "--incident-id", incident]
    code, _, err = _cut(argv, env, "done: upstream key disabled", by)
    if by is signal.SIGTERM:
        assert code == 143
        assert f"portcullis: interrupted: {UNTIL}" in err
    again = subprocess.run(argv, cwd=REPOSITORY, env=env, capture_output=True, text=True, check=False)
    assert "done: upstream key disabled" not in again.stderr, "the first run did it"
    events = [e for e in record.events(incident) if e["what"] == "upstream key disabled"]
    assert [(e["target"], e["outcome"]) for e in events] == [(name, "done")]
