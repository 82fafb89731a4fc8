"""Rotation of what several incidents or several places hold, on real servers."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

from containment.adapters.github import GithubHost
from containment.names import actions_value
from drill.actors import Actors
from drill.stack import pulumi
from sandbox.environment import Sandbox
from tests.integration import rotating


def test_what_leaks_with_a_repository_is_put_into_every_one_that_holds_it(sandbox: Sandbox) -> None:
    old = rotating.root(sandbox, "GET", "secret/data/ci/deploy")["data"]
    before = rotating.held_by_actions(sandbox)
    assert before == {hashlib.sha256(actions_value(old).encode()).hexdigest()}, "no copy, so nothing would be proven"
    done = pulumi(sandbox, "incident=true", "incidentId=ROT-4", "incidentScope=repository:tradepulse-core")
    assert done.returncode == 0, done.stdout
    assert rotating.live_keys(sandbox, "deploy-exchange-key") == []
    refused = pulumi(sandbox, "incident=false", "incidentId=ROT-4", "incidentScope=")
    assert "secret:deploy-exchange-key/new-alive" in refused.stdout
    with _written_by_a_developer_without_end(sandbox):
        code, document = rotating.rotate(sandbox, "run", "ROT-4")
    assert code == 1, "it said rotated, and GitHub holds what the attacker wrote"
    (told,) = [line for line in document["open"] if "deploy-exchange-key: copy: " in line]
    assert "tradepulse-core/DEPLOY_TOKEN was written by somebody else at " in told
    refused = pulumi(sandbox, "incident=false", "incidentId=ROT-4", "incidentScope=")
    assert "secret:deploy-exchange-key/new-alive" in refused.stdout
    code, document = rotating.rotate(sandbox, "run", "ROT-4")
    assert code == 0, document["open"]
    new = rotating.root(sandbox, "GET", "secret/data/ci/deploy")["data"]
    assert new != old
    assert rotating.held_by_actions(sandbox) == {hashlib.sha256(actions_value(new).encode()).hexdigest()}
    assert not rotating.exchange(sandbox).accepts(old["api_key"], old["api_secret"])
    assert rotating.exchange(sandbox).accepts(new["api_key"], new["api_secret"])
    assert not Actors(sandbox).order(new["api_key"], new["api_secret"]), "a key that only read may trade now"
    time.sleep(1.1)  # GitHub tells whole seconds
    _as_a_developer(sandbox).put_actions_secret("tradepulse-core", "DEPLOY_TOKEN", "of the attacker")
    refused = pulumi(sandbox, "incident=false", "incidentId=ROT-4", "incidentScope=")
    assert "lift refused: Actions secret tradepulse-core/DEPLOY_TOKEN was written at " in refused.stdout
    code, document = rotating.rotate(sandbox, "run", "ROT-4")
    assert code == 0, document["open"]
    assert rotating.held_by_actions(sandbox) == {hashlib.sha256(actions_value(new).encode()).hexdigest()}
    done = pulumi(sandbox, "incident=false", "incidentId=ROT-4", "incidentScope=")
    assert done.returncode == 0, done.stdout


def _as_a_developer(sandbox: Sandbox) -> GithubHost:
    token = (sandbox.root / "secrets" / "github.dana-dev.token").read_text()
    return GithubHost.from_environment({**sandbox.environ(), "GITHUB_TOKEN": token})


@contextmanager
def _written_by_a_developer_without_end(sandbox: Sandbox) -> Iterator[None]:
    """The secret in one repository, four times a second, until the attacker's access ends."""
    host, enough = _as_a_developer(sandbox), Event()

    def write() -> None:
        while not enough.wait(0.25):
            host.put_actions_secret("tradepulse-core", "DEPLOY_TOKEN", "of the attacker")

    writer = Thread(target=write)
    writer.start()
    try:
        yield
    finally:
        enough.set()
        writer.join()


def test_one_replacement_serves_every_incident_that_names_what_leaked(sandbox: Sandbox) -> None:
    """A key, a secret_id and an Actions secret: whichever incident is rotated first makes the new one."""
    scope = "exchange-trading-key,workload:risk-engine,repository:tradepulse-core"
    for incident in ("BOTH-1", "BOTH-2"):
        done = pulumi(sandbox, "incident=true", f"incidentId={incident}", f"incidentScope={scope}")
        assert done.returncode == 0, done.stdout
    code, document = rotating.rotate(sandbox, "run", "BOTH-1")
    (waiting,) = document["open"]
    assert (code, "recovery: nothing was read" in waiting) == (1, True), waiting
    assert "portcullis rotate run BOTH-2" in waiting, "the other incident holds them shut until it is rotated too"
    done = pulumi(sandbox, "incident=keep", "incidentId=", "incidentScope=")
    assert done.returncode == 0, done.stdout
    made = _replacements(sandbox)
    for incident in ("BOTH-2", "BOTH-1", "BOTH-2"):
        code, document = rotating.rotate(sandbox, "run", incident)
        assert code == 0, document["open"]
        assert _replacements(sandbox) == made, f"{incident} replaced what serves both"
    assert Actors(sandbox).order(*made[:2])

    rotating.exchange(sandbox).disable_key(rotating.ACCOUNT, made[0])
    done = pulumi(sandbox, "incident=false", "incidentId=BOTH-1", "incidentScope=")
    assert done.returncode != 0, "lifted with a key that is dead"
    told = (
        "what replaced secret:exchange-trading-key is in force no longer: see who ended it, then portcullis rotate run "
    )
    assert f"{told}BOTH-1" in done.stdout
    code, document = rotating.rotate(sandbox, "run", "BOTH-2")
    assert code == 0, document["open"]
    code, document = rotating.rotate(sandbox, "status", "BOTH-1")
    (alive,) = [p for p in document["proofs"] if p["item"] == "secret:exchange-trading-key/new-alive"]
    assert (code, alive["proven"]) == (1, False)
    assert "from before the rotation of BOTH-2 made another" in alive["detail"]
    made = _replacements(sandbox)
    assert rotating.rotate(sandbox, "run", "BOTH-1")[0] == 0
    assert _replacements(sandbox) == made
    for incident in ("BOTH-1", "BOTH-2"):
        done = pulumi(sandbox, "incident=false", f"incidentId={incident}", "incidentScope=")
        assert done.returncode == 0, done.stdout
    assert _replacements(sandbox) == made


def _replacements(sandbox: Sandbox) -> tuple[str, ...]:
    """Key, its secret, secret_id, and the digest of what the repositories hold; each key is the only live one."""
    held, deploy = (
        rotating.root(sandbox, "GET", rotating.PATH)["data"],
        rotating.root(sandbox, "GET", "secret/data/ci/deploy")["data"],
    )
    assert rotating.live_keys(sandbox, "exchange-trading-key") == [held["api_key"]]
    assert rotating.live_keys(sandbox, "deploy-exchange-key") == [deploy["api_key"]]
    (copied,) = rotating.held_by_actions(sandbox)
    assert copied == hashlib.sha256(actions_value(deploy).encode()).hexdigest()
    return held["api_key"], held["api_secret"], rotating.delivered(sandbox, "risk-engine")[1], copied
