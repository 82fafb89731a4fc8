"""Who is credited with a request, when a log is enough to say "never", and what is proposed then."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from containment.incidents.incident import Incident, Scope, State
from policies.errors import Finding, InputError, Unreachable
from policies.load import ACCESS, load
from rotation.tightening.held import held
from rotation.tightening.propose import propose
from rotation.tightening.tighten import Tightened, tighten

AT = 1_900_000_000
DAY = 86400
INCIDENT = Incident("INC-7", Scope(False, ("secret:partner-api-key",)), State.LIFTED, opened_at=AT - DAY)
SETTLEMENT = ("settlement", "database/creds/settlement-readonly", "read")


class Server:
    def incidents(self) -> tuple[Incident, ...]:
        return (INCIDENT,)

    def now(self) -> int:
        return AT


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()


def _entry(at: float, path: str, operation: str = "read", **changes: Any) -> dict[str, Any]:
    """An answer to a token that settlement's own login made, unless something is changed."""
    auth = {
        "display_name": "approle",
        "policies": ["default", "pc-gate", "pc-quarantine", "pc-w-settlement"],
        "metadata": {"role_name": "settlement"},
    }
    entry = {"time": _time(at), "type": "response", "request": {"id": f"r{at}", "operation": operation, "path": path}}
    return {**entry, "auth": {**auth, **changes.pop("auth", {})}, **changes}


SEEN = _entry(AT, "portcullis/data/incidents/INC-7", auth={"policies": ["portcullis-operator"], "metadata": {}})
QUIET = [_entry(AT - d * DAY, "sys/health", auth={"policies": ["root"], "metadata": {}}) for d in range(40, 0, -1)]


def _log(file: Path, *entries: dict[str, Any]) -> Path:
    rows = sorted(entries, key=lambda e: e["time"])
    text = "".join(json.dumps(r, separators=(",", ":")) + "\n" for r in rows).encode()
    file.write_bytes(gzip.compress(text) if file.suffix == ".gz" else text)
    return file


def _tighten(tmp_path: Path, *entries: dict[str, Any], since: str = "", until: str = "") -> Tightened:
    server: Any = Server()
    return tighten(server, "INC-7", [_log(tmp_path / "audit.log", *QUIET, SEEN, *entries)], since, until)


def _grant(done: Tightened, which: tuple[str, str, str] = SETTLEMENT) -> dict[str, Any]:
    rows: list[dict[str, Any]] = done.to_json()["grants"]
    return next(g for g in rows if (g["identity"], g["path"], g["capability"]) == which)


def test_a_log_without_a_use_proposes_every_grant_with_its_evidence(tmp_path: Path) -> None:
    done = _tighten(tmp_path)
    assert (done.missing, done.exit_code) == ((), 1)
    grant = _grant(done)
    assert (grant["verdict"], grant["count"], grant["last_used"]) == ("unseen", 0, None)
    assert grant["evidence"].startswith("never used in 31 days; nor before that in the log; log covers 2030-02-05T")
    assert done.proposal is not None
    assert "market-data-ingest by workload binance-ingest: never used" not in done.proposal.patch, "its last grants"
    assert "partners/api by ci cicd: never used in 31 days" in done.proposal.patch
    kept = {r.file.rsplit("/")[-1]: why for r, why in done.proposal.left}
    assert "retire the whole declaration" in kept["market-data-ingest.yaml"]


def test_of_a_secret_that_is_used_the_other_grants_go(tmp_path: Path) -> None:
    auth = {"policies": ["pc-gate", "pc-w-kraken-ingest"], "metadata": {"role_name": "kraken-ingest"}}
    done = _tighten(tmp_path, _entry(AT - 9, "database/creds/market-data-ingest", auth=auth))
    assert done.proposal is not None
    gone = "\n".join(line for line in done.proposal.patch.splitlines() if line.startswith("-    - workload"))
    assert gone == "-    - workload: market-data-writer\n-    - workload: binance-ingest"


def test_a_use_by_its_own_login_keeps_the_grant(tmp_path: Path) -> None:
    uses = [_entry(AT - n, SETTLEMENT[1]) for n in (50, 70)]
    grant = _grant(_tighten(tmp_path, *uses))
    assert (grant["verdict"], grant["count"], grant["last_used"]) == ("used", 2, "2030-03-17T17:45:50Z")


def test_a_use_before_the_window_is_told_and_does_not_count(tmp_path: Path) -> None:
    grant = _grant(_tighten(tmp_path, _entry(AT - 35 * DAY, SETTLEMENT[1])))
    assert (grant["verdict"], grant["count"], grant["last_used"]) == ("unseen", 0, "2030-02-10T17:46:40Z")
    assert "last used 2030-02-10T17:46:40Z, before that" in grant["evidence"]


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({"auth": {"display_name": "token-pc-probe", "metadata": None}}, "unseen"),
        ({"auth": {"display_name": "token-pc-issue-w-settlement", "metadata": None}}, "unclear"),
        ({"auth": {"display_name": "token"}}, "unclear"),
        ({"auth": {"metadata": {"role_name": "another"}}}, "unclear"),
        ({"auth": {"policies": ["pc-w-settlement", "pc-w-risk-engine"]}}, "unclear"),
        ({"error": "1 error occurred: permission denied"}, "wanted"),
        ({"type": "request"}, "wanted"),
        ({"request": {"id": "x", "operation": "update", "path": SETTLEMENT[1]}}, "unseen"),
        ({"request": {"id": "x", "operation": "read", "path": SETTLEMENT[1], "namespace": {"path": "n/"}}}, "unseen"),
    ],
)
def test_nobody_is_credited_with_what_may_be_anothers(tmp_path: Path, changes: Any, verdict: str) -> None:
    done = _tighten(tmp_path, _entry(AT - 50, SETTLEMENT[1], **changes))
    assert _grant(done)["verdict"] == verdict
    assert done.proposal is not None
    named = [*done.proposal.removals, *(r for r, _ in done.proposal.left)]
    assert any(g.identity == "settlement" for r in named for g in r.grants) is (verdict == "unseen")


def test_a_log_that_does_not_cover_the_window_proposes_nothing(tmp_path: Path) -> None:
    server: Any = Server()

    def missing(*entries: dict[str, Any], **window: str) -> str:
        file = _log(tmp_path / "audit.log", *entries)
        done = tighten(server, "INC-7", [file], window.get("since", ""), window.get("until", ""))
        if done.missing:
            assert (done.exit_code, done.proposal) == (3, None)
            assert "never" not in json.dumps(done.to_json()["grants"])
        return "; ".join(done.missing)

    assert missing(*QUIET, SEEN) == ""
    assert "it begins 2030-03-07" in missing(*QUIET[30:], SEEN)
    assert "holds nothing from 2030-02-14" in missing(*QUIET[:10], *QUIET[20:], SEEN)
    assert "not this server's current log" in missing(*QUIET, _entry(AT + 1, "sys/health"))
    assert "it ends 2030-03-16" in missing(*QUIET, until=_time(AT - 100))
    assert missing(*QUIET, until=_time(AT - DAY - 100)) == ""


def test_rotated_files_are_read_in_their_order(tmp_path: Path) -> None:
    server: Any = Server()
    new = _log(tmp_path / "audit.log", *QUIET[20:], SEEN)
    old = _log(tmp_path / "audit.log.1.gz", *QUIET[:20], _entry(AT - 25 * DAY, SETTLEMENT[1]))
    done = tighten(server, "INC-7", [new, old, new], "", "")
    assert done.missing == ()
    assert _grant(done)["count"] == 1


def test_a_torn_line_is_counted_and_its_request_is_no_silence(tmp_path: Path) -> None:
    file = _log(tmp_path / "audit.log", *QUIET, _entry(AT - 9, SETTLEMENT[1], type="request"), SEEN)
    file.write_bytes(file.read_bytes() + b'{"time":"2030-03-17T17:46:41Z","type":"resp')
    server: Any = Server()
    done = tighten(server, "INC-7", [file], "", "")
    assert (done.coverage.torn, _grant(done)["verdict"]) == (1, "wanted")


def test_wrong_use_is_told(tmp_path: Path) -> None:
    server: Any = Server()
    with pytest.raises(InputError, match="no audit log is named"):
        tighten(server, "INC-7", [], "", "")
    with pytest.raises(InputError, match="not a time"):
        _tighten(tmp_path, since="yesterday")
    with pytest.raises(InputError, match="before it begins"):
        _tighten(tmp_path, since=_time(AT - 5), until=_time(AT - 9))
    with pytest.raises(InputError, match="still to come"):
        _tighten(tmp_path, until=_time(AT + 9))
    with pytest.raises(Unreachable, match="No such file"):
        tighten(server, "INC-7", [tmp_path / "none.log"], "", "")


@pytest.mark.parametrize("wrong", ["[read, list]", "[read, update]"])
def test_an_edit_that_grants_anything_else_proposes_nothing(monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    monkeypatch.setattr("rotation.tightening.propose.without", lambda text, _field: text.replace("[read]", wrong))
    estate = load(ACCESS)
    gone = [g for g in held(estate) if g.identity == "settlement"]
    with pytest.raises(Finding, match="nothing is proposed"):
        propose(ACCESS, estate, gone, dict.fromkeys(gone, ""))


def test_the_patch_applies_with_git_and_takes_out_what_it_says_and_no_more(tmp_path: Path) -> None:
    folder = tmp_path / "repository" / "policies" / "access"
    shutil.copytree(ACCESS, folder)
    subprocess.run(["git", "init", "-q", str(tmp_path / "repository")], check=True)
    estate = load(folder)
    gone = [g for g in held(estate) if g.identity in ("settlement", "binance-ingest", "cicd", "execution-engine")]
    proposal = propose(folder, estate, gone, dict.fromkeys(gone, "never \x1b[2J used"))
    assert "\x1b" not in proposal.patch
    refused = {r.file: why for r, why in proposal.left}
    assert refused.keys() >= {"policies/access/production/settlement-readonly.yaml"}
    assert "nobody may use it" in refused["policies/access/production/settlement-readonly.yaml"]
    subprocess.run(["git", "apply"], cwd=proposal.root, input=proposal.patch, text=True, check=True)
    removed = {g.key for r in proposal.removals for g in r.grants}
    assert removed
    after = load(folder)
    assert {g.key for g in held(after)} == {g.key for g in held(estate)} - removed
    assert replace(after, secrets=(), ci_roles=()) == replace(estate, secrets=(), ci_roles=())
