"""What counts as a replacement of a value that a person stores: what is known to be nobody's else, and another one."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from containment.folder import record
from containment.incidents.incident import Incident, Scope, State
from containment.names import GATE
from containment.ports import Version
from policies.errors import InputError
from policies.load import load
from rotation import engine
from rotation.plan import plan
from rotation.steps import jwt, stored
from rotation.steps.manual import steps
from rotation.work import NotProven, Outcome, Result, Waiting, Work, perform

ITEM, PATH = "secret:partner-api-key", "partners/api"
OPENED, DENIED, AFTER, REVOKED = 100, 105, 106, 110

OPEN = Incident("INC-1", Scope(False, (ITEM,)), State.OPEN, OPENED, denied_at=DENIED, revoked_before=REVOKED)


@dataclass
class _Vault:
    """Of each secret, when each version was written and what it holds; None is destroyed."""

    held: dict[str, list[tuple[int, Any]]] = field(default_factory=dict)
    record: Incident = OPEN
    clock: int = 200

    def versions(self, _: str, path: str) -> list[Version]:
        return [Version(n, at, v is None) for n, (at, v) in enumerate(self.held.get(path, []), 1)]

    def value(self, _: str, path: str, version: int = 0) -> Any:
        return self.held[path][version - 1][1] if self.held.get(path) else None

    def put(self, _: str, path: str, data: Any, current: int) -> None:
        assert current == len(self.held.setdefault(path, [])), "checked and set"
        self.held[path].append((self.clock, data))

    def forget(self, _: str, path: str) -> None:
        self.held.pop(path, None)

    def destroyed(self) -> None:
        """Every version but the newest."""
        self.held[PATH][:-1] = [(at, None) for at, _ in self.held[PATH][:-1]]

    def now(self) -> int:
        return self.clock

    def incidents(self) -> tuple[Incident, ...]:
        return (self.record,)

    def update_incident(self, _: str, change: Callable[[Incident], Incident]) -> Incident:
        self.record = change(self.record)
        return self.record


def _work(log: Path | None, *versions: tuple[int, Any]) -> tuple[_Vault, Work]:
    estate, no = load(), cast(Any, None)
    vault = _Vault({PATH: [(at, v if v is None or isinstance(v, dict) else {"value": v}) for at, v in versions]})
    item = plan(vault.record, estate).find(ITEM)
    return vault, Work(cast(Any, vault), no, no, no, no, estate, "INC-1", item, None, log)


def _until_read_back(work: Work) -> str:
    for step in steps(work)[:3]:
        if not step.observe():
            step.act()
        words = step.verify()
    return words


def _log(folder: Path, version: int, issued: str, *policies: str) -> Path:
    request = {"path": f"secret/data/{PATH}", "operation": "update", "remote_address": "192.0.2.7"}
    auth = {"display_name": "approle", "token_issue_time": issued, "policies": policies}
    line = {"time": "1970-01-01T00:01:46Z", "type": "response", "request": request, "auth": auth}
    file = folder / "audit.log"
    file.write_text(json.dumps(line | {"response": {"data": {"version": version}}}, separators=(",", ":")) + "\n")
    return file


BEFORE, SINCE = "1970-01-01T00:01:20Z", "1970-01-01T00:01:50Z"


@pytest.mark.parametrize(
    "versions",
    [
        [(1, "leaked")],
        [(1, "leaked"), (OPENED, "other")],
        [(1, "leaked"), (DENIED, "other")],
        [(1, "leaked"), (OPENED, "other"), (AFTER, "leaked")],
        [(1, "leaked"), (AFTER, None)],
    ],
)
def test_a_new_one_is_made_over_what_cannot_be_it(versions: list[tuple[int, Any]]) -> None:
    vault, work = _work(None, *versions)
    number = len(versions) + 1
    assert _until_read_back(work).startswith(f"version {number} is read back")
    assert vault.value("", PATH, number)["value"] not in ("leaked", "other")
    assert _until_read_back(work).startswith(f"version {number} is read back"), "made twice"


@pytest.mark.parametrize("log", [False, True])
def test_one_from_after_the_deny_counts_when_somebody_names_it(tmp_path: Path, log: bool) -> None:
    """Its age says nothing, and a token of a person may have leaked."""
    file = _log(tmp_path, 2, SINCE, "admin") if log else None
    vault, work = _work(file, (1, "leaked"), (AFTER, "by hand"))
    with pytest.raises(Waiting, match=r"--version 2 .*; if nobody did: bao kv destroy -mount=secret -versions=2 "):
        _until_read_back(work)
    with pytest.raises(InputError, match="version 1 of secret/data/partners/api is not the newest: the newest is 2"):
        stored.name_version(work, 1, "A. Roth", "mine")
    words = stored.name_version(work, 2, "A. Roth", "mine")
    assert (f"by approle from 192.0.2.7 with a token issued {SINCE}" in words) is log
    assert words.endswith("named as the new one by A. Roth: mine: not proven")
    assert _until_read_back(work).startswith("version 2 is read back")
    assert vault.value("", PATH) == {"value": "by hand"}
    vault.record = replace(vault.record, denied_at=AFTER)
    with pytest.raises(NotProven):
        stored.new(work)


def test_a_write_that_was_under_way_at_the_deny_is_not_taken_whoever_says_so(tmp_path: Path) -> None:
    vault, work = _work(_log(tmp_path, 2, BEFORE, GATE), (1, "leaked"), (AFTER, "attacker-1"))
    with pytest.raises(InputError, match=f"issued {BEFORE}, was under way .*nobody's word is taken"):
        stored.name_version(work, 2, "A. Roth", "mine")
    create = steps(work)[0]
    assert not create.observe()
    create.act()
    assert create.verify().endswith("was under way when the path was denied, so it is not taken")
    assert _until_read_back(work).startswith("version 3 is read back")
    vault.held[PATH].append((AFTER, {"value": "attacker-2"}))
    with pytest.raises(NotProven, match="the newest version is not one"):
        steps(work)[4].verify()


def test_a_workload_that_writes_when_its_path_is_open_again_keeps_what_it_wrote(tmp_path: Path) -> None:
    vault, work = _work(_log(tmp_path, 2, SINCE, GATE), (1, "leaked"), (AFTER, "its own"))
    assert _until_read_back(work).startswith("version 2 is read back")
    assert vault.value("", PATH) == {"value": "its own"}


def _killed_before_it_stored(log: Path | None) -> tuple[_Vault, Work]:
    """What `create` saw is on record and is not looked at again when the run goes on."""
    vault, work = _work(log, (1, "leaked"))
    create = steps(work)[0]
    create.act()
    create.verify()
    return vault, work


def _store(work: Work) -> Result:
    return perform(steps(work)[1], pauses=(0, 0))


@pytest.mark.parametrize("log", [False, True])
def test_what_a_person_stored_since_is_not_stored_over(tmp_path: Path, log: bool) -> None:
    """It may be shown once, and the version would be destroyed as an old one."""
    vault, work = _killed_before_it_stored(_log(tmp_path, 2, SINCE, "admin") if log else None)
    vault.held[PATH].append((AFTER, {"value": "by hand"}))
    told = _store(work)
    assert told.outcome is Outcome.WAITING
    assert (
        "may be the value of whoever has the old one. If one of you stored it: portcullis rotate confirm" in told.detail
    )
    assert len(vault.held[PATH]) == 2
    stored.name_version(work, 2, "A. Roth", "mine")
    assert _until_read_back(work).startswith("version 2 is read back")
    assert vault.value("", PATH) == {"value": "by hand"}


def test_what_a_workload_stored_since_is_taken_and_a_late_write_is_stored_over(tmp_path: Path) -> None:
    vault, work = _killed_before_it_stored(_log(tmp_path, 2, SINCE, GATE))
    vault.held[PATH].append((AFTER, {"value": "its own"}))
    assert _store(work).holds
    assert _until_read_back(work).startswith("version 2 is read back")
    assert vault.value("", PATH) == {"value": "its own"}
    vault, work = _killed_before_it_stored(_log(tmp_path, 2, BEFORE, GATE))
    vault.held[PATH].append((AFTER, {"value": "attacker"}))
    assert _store(work).outcome is Outcome.DONE
    assert _until_read_back(work).startswith("version 3 is read back")
    assert vault.value("", PATH) != {"value": "attacker"}


def test_what_a_person_stores_while_it_is_looked_for_is_not_stored_over(monkeypatch: pytest.MonkeyPatch) -> None:
    vault, work = _killed_before_it_stored(None)

    def seen(_: Work) -> None:
        vault.held[PATH].append((AFTER, {"value": "by hand"}))

    monkeypatch.setattr(stored, "unknown", seen)
    with pytest.raises(AssertionError, match="checked and set"):
        steps(work)[1].act()
    assert vault.value("", PATH) == {"value": "by hand"}


@pytest.mark.parametrize("name", ["before", "after"])
def test_a_candidate_from_before_the_deny_is_not_stored(name: str) -> None:
    vault, work = _work(None, (1, "leaked"))
    candidate = {"value": "waits"}
    vault.held["candidates/partner-api-key"] = [(DENIED if name == "before" else AFTER, candidate)]
    _until_read_back(work)
    assert (vault.value("", PATH) == candidate) is (name == "after")


def test_field_names_that_a_writer_chose_are_cut() -> None:
    _, work = _work(None, (1, {f"{n:02}" + "x" * 3_000: "v" for n in range(25)}))
    with pytest.raises(Waiting) as told:
        next(s for s in steps(work) if s.name == "create").act()
    names = str(told.value).partition(": store")[0].removeprefix("its fields are ")
    assert names == ", ".join(f"{n:02}{'x' * 58}…" for n in range(20)) + " and 5 more"


def test_a_field_name_that_looks_like_a_key_is_shown_redacted() -> None:
    _, work = _work(None, (1, {"-----BEGIN PRIVATE KEY-----": "v", "a": "v"}))
    with pytest.raises(Waiting, match=r"^its fields are \[redacted\], a: store the new value by hand"):
        next(s for s in steps(work) if s.name == "create").act()


def _confirm(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, vault: _Vault, item: str = ITEM, note: str = "old key off"
) -> str:
    monkeypatch.setattr(engine, "_estate", lambda *_: load())
    monkeypatch.setattr(engine, "from_environment", lambda *_: SimpleNamespace(**dict.fromkeys(_SYSTEMS)))
    monkeypatch.setattr(record, "note", lambda *_, **__: None)
    return engine.confirm(cast(Any, vault), "INC-1", item, "A. Roth", note, environ={"HOME": str(tmp_path)})


_SYSTEMS = ("database", "upstream", "code_host")


def _word_holds(work: Work) -> str:
    return next(s for s in steps(work) if s.name == "confirmation").verify()


def test_a_word_before_there_is_a_new_value_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It was taken for whatever value a later run made, and the old versions were destroyed on it."""
    vault, work = _work(None, (1, "leaked"))
    with pytest.raises(InputError, match=r"no new value .* yet.*: portcullis rotate run INC-1, then this again"):
        _confirm(monkeypatch, tmp_path, vault)
    assert vault.record.proofs == ()
    _until_read_back(work)
    vault.destroyed()
    assert "confirmed by A. Roth of version 2: old key off" in _confirm(monkeypatch, tmp_path, vault)
    assert _word_holds(work).endswith("at the other side confirmed by A. Roth of version 2: old key off: not proven")


def test_a_word_for_one_version_serves_no_later_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    vault, work = _work(None, (1, "leaked"))
    _until_read_back(work)
    vault.destroyed()
    _confirm(monkeypatch, tmp_path, vault)
    vault.held[PATH].append((vault.clock, {"value": "by hand"}))
    stored.name_version(work, 3, "A. Roth", "mine")
    vault.destroyed()
    with pytest.raises(Waiting) as told:
        _word_holds(work)
    assert str(told.value).startswith("a person must confirm the other side: portcullis rotate confirm INC-1 ")
    assert str(told.value).endswith(
        "; what is on record, confirmed by A. Roth of version 2: old key off, was not said of what is stored now"
    )
    _confirm(monkeypatch, tmp_path, vault, note="that too")
    assert "of version 3: that too" in _word_holds(work)


def test_a_word_stands_when_the_workload_stores_its_own_afterwards(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Of the old value, which is what was confirmed: else one that writes often has it never rotated."""
    vault, work = _work(_log(tmp_path, 3, SINCE, GATE), (1, "leaked"))
    _until_read_back(work)
    vault.destroyed()
    _confirm(monkeypatch, tmp_path, vault)
    vault.held[PATH].append((vault.clock, {"value": "its own"}))
    assert _until_read_back(work).startswith("version 3 is read back")
    vault.destroyed()
    assert "confirmed by A. Roth of version 2" in _word_holds(work)


def test_a_word_of_a_record_from_before_is_of_no_version(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    vault, work = _work(None, (1, "leaked"))
    _until_read_back(work)
    vault.destroyed()
    _confirm(monkeypatch, tmp_path, vault)
    data = vault.record.to_json()
    for proof in data["proofs"]:
        del proof["of"]
    vault.record = Incident.from_json(data)
    with pytest.raises(Waiting):
        _word_holds(work)


@pytest.mark.parametrize("at", [DENIED - 1, DENIED, AFTER])
def test_a_word_for_what_has_no_value_here_is_from_after_the_deny(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, at: int
) -> None:
    item = "workload:analytics-batch"
    vault, work = _work(None)
    vault.record, vault.clock = replace(OPEN, scope=Scope(False, (item,))), at
    _confirm(monkeypatch, tmp_path, vault, item)
    vault.clock = 300
    work = replace(work, credential=plan(vault.record, load()).find(item))
    step = next(s for s in jwt.steps(work) if s.name == "confirmation")
    monkeypatch.setattr("rotation.steps.tokens.old_tokens", lambda *_: [])
    monkeypatch.setattr("rotation.steps.tokens.none_left", lambda *_: "token is left")
    if at > DENIED:
        assert "confirmed by A. Roth: old key off" in step.verify()
    else:
        with pytest.raises(Waiting, match="is from before it was denied"):
            step.verify()
