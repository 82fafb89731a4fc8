"""What the report says of each leaked credential, beside what the servers do with it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from drill.actors import Actors
from rotation.evidence.report import View, view
from sandbox.environment import REPOSITORY, Sandbox
from tests.integration import rotating

ID, KEY, PARTNER = "REP-1", "secret:exchange-trading-key", "secret:partner-api-key"
DATABASE, WORKLOAD, CI = "secret:analytics-readonly", "workload:risk-engine", "ci:cicd"
SCOPE = ",".join((KEY, PARTNER, DATABASE, WORKLOAD, CI))


def _portcullis(sandbox: Sandbox, *words: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "rotation", *words]
    env = rotating.environ(sandbox)
    return subprocess.run(argv, cwd=REPOSITORY, env=env, capture_output=True, text=True, check=False)


def _report(sandbox: Sandbox) -> tuple[View, Mapping[str, str]]:
    done = _portcullis(sandbox, "evidence", "collect", ID)
    assert done.returncode == 0, done.stdout + done.stderr
    shown = view(Path(os.environ["PORTCULLIS_INCIDENTS"]) / ID)
    return shown, {c.name: c.tone for c in shown.credentials}


def test_each_leaked_credential_has_a_line_and_a_tick_only_when_it_is_dead(sandbox: Sandbox) -> None:
    actors = Actors(sandbox)
    held = rotating.root(sandbox, "GET", rotating.PATH)["data"]
    pair = (held["api_key"], held["api_secret"])
    login = actors.login(*actors.secret_id("analytics-api"))
    user = actors.read(login, "database/creds/analytics-readonly")
    away = [sandbox.service("exchange"), sandbox.service("postgres")]
    for service in away:
        service.kill()
    assert _portcullis(sandbox, "contain", "--incident-id", ID, "--scope", SCOPE).returncode == 3
    shown, tones = _report(sandbox)
    # Whose the database users are that nobody could end, PostgreSQL alone knows.
    assert tones == {KEY: "bad", PARTNER: "warn", DATABASE: "bad", WORKLOAD: "bad", CI: "bad"}
    for service in away:
        service.start()
    assert actors.order(*pair), "it is dead, and the report says that it is not"
    assert actors.can_connect(user["username"], user["password"])

    assert _portcullis(sandbox, "contain", "--incident-id", ID).returncode == 0
    shown, tones = _report(sandbox)
    assert tones == {KEY: "good", PARTNER: "warn", DATABASE: "good", WORKLOAD: "good", CI: "good"}
    assert (shown.verdict, shown.says.rpartition(": ")[2]) == ("Contained", f"{PARTNER}.")
    assert shown.gap == ""
    assert not actors.order(*pair)
    assert not actors.can_connect(user["username"], user["password"])

    rotating.rotate(sandbox, "run", ID)
    word = ("--by", "A. Roth", "--note", "it is off")
    assert _portcullis(sandbox, "rotate", "confirm", ID, PARTNER, *word).returncode == 0
    code, document = rotating.rotate(sandbox, "run", ID)
    assert code == 0, document["open"]
    assert _portcullis(sandbox, "contain", "--incident-id", ID).returncode == 0
    shown, tones = _report(sandbox)
    assert tones == {KEY: "good", PARTNER: "warn", DATABASE: "good", WORKLOAD: "good", CI: "good"}
    assert shown.verdict == "Contained", shown.not_contained
    assert ("warn", "4 of 5, 1 on a person's word") in [(s.tone, s.says) for s in shown.stages]
