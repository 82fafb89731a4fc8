"""PagerDuty behind its real client: one alert an incident; a pager that is down fails nothing and is caught up."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from containment import paging
from containment.adapters.pagerduty import PagerDuty
from containment.adapters.vault import HvacVault
from containment.folder import record
from containment.incidents.decide import lifted
from policies.errors import InputError, Unreachable
from sandbox.environment import REPOSITORY, Sandbox
from sandbox.services.pagerduty import PagerdutyDouble


@pytest.fixture(scope="module")
def double(sandbox: Sandbox) -> PagerdutyDouble:
    found = sandbox.service("pagerduty")
    assert isinstance(found, PagerdutyDouble)
    return found


def _contain(
    env: dict[str, str], incident: str, scope: str, before: Callable[[], None] | None = None
) -> tuple[subprocess.CompletedProcess[str], float]:
    argv = [sys.executable, "-m", "rotation", "contain", "--scope", scope, "--incident-id", incident, "--json"]
    start = time.monotonic()
    done = subprocess.run(argv, cwd=REPOSITORY, env=env, capture_output=True, text=True, check=False, preexec_fn=before)
    return done, time.monotonic() - start


def _stages(alert: dict[str, Any]) -> list[str]:
    return [entry["custom_details"]["stage"] for entry in alert["log"] if entry["action"] == "trigger"]


def _seen(env: dict[str, str], incident: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((Path(env["PORTCULLIS_INCIDENTS"]) / incident / "containment.json").read_text())
    return found


def test_a_lock_down_opens_one_alert_and_says_when_it_is_contained(
    env: dict[str, str], double: PagerdutyDouble
) -> None:
    done, _ = _contain(env, "P-1", "partner-api-key")
    assert done.returncode == 0, done.stderr
    alert = double.alerts()["P-1"]
    assert (alert["status"], alert["severity"], alert["class"]) == ("triggered", "critical", "secret-leak")
    assert alert["custom_details"]["tags"] == ["secret-leak"]
    assert alert["summary"] == "SEV-1 secret leak P-1 opened: secret:partner-api-key"
    assert _stages(alert) == ["opened", "contained"]
    again, _ = _contain(env, "P-1", "partner-api-key")
    assert again.returncode == 0
    assert len(double.alerts()["P-1"]["log"]) == 2, "a second run paged again"


def test_what_is_not_contained_is_paged_by_name(env: dict[str, str], double: PagerdutyDouble, sandbox: Sandbox) -> None:
    sandbox.service("exchange").stop()
    done, _ = _contain(env, "P-2", "exchange-trading-key")
    sandbox.service("exchange").start()
    assert done.returncode == 3, "a system is away"
    alert = double.alerts()["P-2"]
    assert _stages(alert) == ["opened", "not contained"]
    assert "exchange-trading-key" in alert["log"][-1]["summary"]
    assert _stages(double.alerts()["P-1"]) == ["opened", "contained", "not contained"], "the run covered it too"
    assert _seen(env, "P-1")["contained"] is False
    assert _contain(env, "P-2", "exchange-trading-key")[0].returncode == 0
    assert _stages(double.alerts()["P-2"]) == ["opened", "not contained", "contained"]
    assert _stages(double.alerts()["P-1"]) == ["opened", "contained", "not contained", "contained"]
    assert _seen(env, "P-1")["contained"] is True


def test_a_folder_that_says_all_was_sent_silences_nobody_who_opens_the_incident(
    env: dict[str, str], double: PagerdutyDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORTCULLIS_INCIDENTS", env["PORTCULLIS_INCIDENTS"])
    for stage, detail in (("opened", "secret:partner-api-key"), ("contained", "")):
        record.note("P-9", phase="detection", what="paged", target=stage, detail=detail)
    assert _contain(env, "P-9", "partner-api-key")[0].returncode == 0
    assert _stages(double.alerts()["P-9"]) == ["opened", "contained"]
    done, _ = _contain(env, "P-9", "partner-api-key")
    assert (
        "incident P-9: not sent to the pager again, since its folder says that it was: opened, contained" in done.stderr
    )


def test_a_pager_that_is_down_fails_nothing_and_the_next_run_sends(
    env: dict[str, str], double: PagerdutyDouble
) -> None:
    double.stop()
    done, _ = _contain(env, "P-3", "risk-limits-token")
    double.start()
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["not_contained"] == []
    assert "not paged for incident P-3, the next run tries again: pagerduty" in done.stderr
    assert "P-3" not in double.alerts()
    assert _contain(env, "P-3", "risk-limits-token")[0].returncode == 0
    assert _stages(double.alerts()["P-3"]) == ["opened", "contained"]


def test_a_pager_that_does_not_answer_holds_nothing_up(env: dict[str, str]) -> None:
    import socket

    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"https://127.0.0.1:{silent.getsockname()[1]}"
        done, seconds = _contain({**env, "PAGERDUTY_EVENTS_URL": url}, "P-4", "order-router-fix")
    assert done.returncode == 0, done.stderr
    assert "not paged" in done.stderr
    effects = json.loads(done.stdout)["effects"]
    assert max(e["at"] for e in effects) - min(e["at"] for e in effects) < seconds, "the effects waited"
    assert seconds < 60


def _no_room() -> None:
    """Folders and empty files can be made, as on a full disk, and nothing goes into them."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def test_a_disk_without_room_keeps_nobody_from_being_paged(env: dict[str, str], double: PagerdutyDouble) -> None:
    done, _ = _contain(env, "P-5", "treasury-readonly", _no_room)
    assert done.returncode == 3, done.stderr
    assert "everything in scope is contained; the evidence of it is not written" in done.stderr
    assert "paged for incident P-5: opened; not noted, so the next run pages again: record of" in done.stderr
    assert "not paged" not in done.stderr
    assert _stages(double.alerts()["P-5"]) == ["opened", "contained"]
    double.stop()
    done, _ = _contain(env, "P-6", "treasury-readonly", _no_room)
    double.start()
    assert "not paged for incident P-6, the next run tries again: pagerduty: trigger" in done.stderr


def test_the_lift_resolves_and_a_lost_resolve_is_caught_up_with(
    env: dict[str, str], double: PagerdutyDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    vault = HvacVault.from_environment(env)
    vault.update_incident("P-1", lambda held: lifted(held, vault.now()))
    said: list[str] = []
    double.stop()
    paging.report(vault, {}, said.append)
    assert any("not paged for incident P-1" in line for line in said)
    double.start()
    paging.report(vault, {}, said.append)
    assert double.alerts()["P-1"]["status"] == "resolved"
    assert double.alerts()["P-2"]["status"] == "triggered", "another incident was resolved with it"
    before = double.alerts()
    paging.report(vault, {}, said.append)
    assert double.alerts() == before
    paged = [e for e in record.events("P-1") if e["what"] == "paged"]
    assert [(e["target"], e["outcome"]) for e in paged][-2:] == [("lifted", "failed"), ("lifted", "done")]


def test_no_key_in_what_was_said_or_written(env: dict[str, str], double: PagerdutyDouble) -> None:
    key = double.routing_key_file.read_text()
    folder = Path(env["PORTCULLIS_INCIDENTS"])
    assert key not in "".join(f.read_text() for f in folder.rglob("*") if f.is_file())


def test_everything_so_far_was_within_the_description(double: PagerdutyDouble) -> None:
    assert double.violations() == []


def test_a_wrong_key_and_a_wrong_body_are_refused_and_seen(
    sandbox: Sandbox, double: PagerdutyDouble, tmp_path: Path
) -> None:
    ca = str(sandbox.root / "ca.pem")
    wrong = tmp_path / "key"
    wrong.write_text("0" * 32)
    with pytest.raises(InputError, match="chmod 600"):
        PagerDuty(wrong, double.url, ca)
    wrong.chmod(0o600)
    with pytest.raises(Unreachable, match=r"400 .*Invalid routing key") as refused:
        PagerDuty(wrong, double.url, ca).resolve("P-1")
    assert "0" * 32 not in str(refused.value)
    assert double.violations() == []
    with pytest.raises(Unreachable, match="400"):
        PagerDuty(double.routing_key_file, double.url, ca).resolve("x" * 300)
    with pytest.raises(Unreachable):
        PagerDuty(double.routing_key_file, f"{double.url}/v1", ca).resolve("P-1")
    assert [v["what"] for v in double.violations()] == ["POST /v2/enqueue", "POST /v1/v2/enqueue"]
    (double.folder / "violations.jsonl").unlink()  # these were meant
