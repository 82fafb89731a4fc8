"""Where a new secret_id is delivered, what it gives, and that one which was delivered stays when its file is taken."""

from __future__ import annotations

import json
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from containment.incidents.incident import Incident, Scope, State
from policies.errors import Unreachable
from policies.load import load
from policies.model import TokenType
from rotation.plan import plan
from rotation.steps import approle
from rotation.work import Outcome, Result, Work, perform

NAME = "risk-engine"
ITEM, BASE = f"workload:{NAME}", f"auth/approle/role/{NAME}"
ESTATE = load()
OPEN = Incident("I", Scope(False, (ITEM,)), State.OPEN, 10, denied_at=20, revoked_before=30)
OTHER = replace(OPEN, id="J")


@dataclass
class _Vault:
    """`held`: secret_ids by their accessors."""

    held: dict[str, str] = field(default_factory=dict)
    records: tuple[Incident, ...] = (OPEN,)
    clock: int = 100
    issued: int = 0
    batch: bool = False
    logins: int = 0

    def keys(self, _: str) -> list[str]:
        return list(self.held)

    def read(self, _: str) -> dict[str, str] | None:
        return {"role_id": "role"}

    def write(self, path: str, body: dict[str, str]) -> dict[str, str]:
        if path.endswith("destroy"):
            del self.held[body["secret_id_accessor"]]
            return {}
        self.issued += 1
        made = {"secret_id": f"value-{self.issued}", "secret_id_accessor": f"accessor-{self.issued}"}
        self.held[made["secret_id_accessor"]] = made["secret_id"]
        return made

    def now(self) -> int:
        return self.clock

    def incidents(self) -> tuple[Incident, ...]:
        return self.records

    def update_incident(self, name: str, change: Callable[[Incident], Incident]) -> None:
        """As the server holds it: read from JSON."""
        read = (Incident.from_json(i.to_json()) for i in self.records)
        self.records = tuple(change(i) if i.id == name else i for i in read)

    @contextmanager
    def login(self, role_id: str, secret_id: str) -> Iterator[Any]:
        self.logins += 1
        if role_id != "role" or secret_id not in self.held.values():
            raise Unreachable("vault: log in as an AppRole: invalid role or secret ID")
        policies = {p for tokens in TokenType for p in _policies(_work(self, None, tokens=tokens))}
        yield SimpleNamespace(batch=self.batch, policies=tuple(policies))


def _policies(work: Work) -> list[str]:
    return work.policies(work.workload())


def _work(vault: _Vault, delivery: Path | None, incident: str = "I", tokens: TokenType = TokenType.SERVICE) -> Work:
    no = cast(Any, None)
    declared = [replace(w, tokens=tokens) if w.name == NAME else w for w in ESTATE.workloads]
    estate = replace(ESTATE, workloads=tuple(declared))
    item = plan(OPEN, estate).find(ITEM)
    return Work(cast(Any, vault), no, no, no, no, estate, incident, item, delivery, None)


def _do(work: Work, name: str) -> Result:
    return perform(next(s for s in approle.steps(work) if s.name == name), pauses=(0,))


def test_a_folder_that_had_to_be_made_is_told(tmp_path: Path) -> None:
    folder, vault = tmp_path / "nope" / "x", _Vault()
    done = _do(_work(vault, folder), "deliver")
    assert (done.outcome, done.detail) == (
        Outcome.DONE,
        f"one new secret_id, delivered to {folder}/risk-engine.json; {folder} was not there and was made: "
        "is PORTCULLIS_DELIVERY_DIR right?",
    )
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    again = _do(_work(vault, folder), "deliver")
    assert (again.outcome, again.detail) == (
        Outcome.ALREADY,
        f"one new secret_id, delivered to {folder}/risk-engine.json",
    )


def test_one_that_is_there_is_not(tmp_path: Path) -> None:
    done = _do(_work(_Vault(), tmp_path), "deliver")
    assert done.detail == f"one new secret_id, delivered to {tmp_path}/risk-engine.json"


@pytest.mark.parametrize(
    ("batch", "declared", "outcome", "words"),
    [
        (False, TokenType.SERVICE, Outcome.DONE, "its token is revoked and gone"),
        (True, TokenType.BATCH, Outcome.DONE, "its batch token, which nobody can revoke, was kept by nobody"),
        (True, TokenType.SERVICE, Outcome.FAILED, "gives batch tokens, and is declared to give service tokens"),
        (False, TokenType.BATCH, Outcome.FAILED, "gives service tokens, and is declared to give batch tokens"),
    ],
)
def test_a_login_gives_what_is_declared(
    tmp_path: Path, batch: bool, declared: TokenType, outcome: Outcome, words: str
) -> None:
    work = _work(_Vault(batch=batch), tmp_path, tokens=declared)
    _do(work, "deliver")
    tried = _do(work, "try-new")
    assert tried.outcome is outcome
    assert words in tried.detail


class _Gone(_Vault):
    """Somebody deleted the role: the server makes an error of asking for its secret_ids."""

    def keys(self, path: str) -> list[str]:
        raise Unreachable(f'vault: list {path}: InvalidRequest: role "risk-engine" does not exist')

    def read(self, _: str) -> None:
        return None


def test_where_the_role_is_gone_what_makes_it_anew_is_named(tmp_path: Path) -> None:
    done = _do(_work(_Gone(), tmp_path), "deliver")
    assert done.outcome is Outcome.FAILED
    assert done.detail == (
        "the login role does not exist, so no secret_id can be made: pulumi up --refresh --config incident=keep, then "
        "this again"
    )


def _moved(folder: Path) -> Path:
    shutil.move(folder / f"{NAME}.json", folder / "moved")
    return folder


def _replaced(folder: Path) -> Path:
    """By what an earlier rotation left on another machine, say."""
    document = {"role_id": "role", "secret_id": "old", "secret_id_accessor": "another"}
    (folder / f"{NAME}.json").write_text(json.dumps(document))
    return folder


def _broken(folder: Path) -> Path:
    (folder / f"{NAME}.json").write_text("null")
    return folder


@pytest.mark.parametrize("take", [_moved, _replaced, _broken, lambda folder: folder / "elsewhere", lambda _: None])
def test_what_was_delivered_stays_when_its_file_is_taken(tmp_path: Path, take: Callable[[Path], Path | None]) -> None:
    """A second run destroyed what the workload's host was using, and every proof held."""
    vault = _Vault()
    first = _work(vault, tmp_path)
    assert _do(first, "deliver").outcome is Outcome.DONE
    vault.clock = 150
    assert _do(first, "try-new").outcome is Outcome.DONE
    work = _work(vault, take(tmp_path))
    vault.clock = 5_000
    again, tried = _do(work, "deliver"), _do(work, "try-new")
    assert vault.held == {"accessor-1": "value-1"}, "the host's secret_id is dead"
    assert again.outcome is Outcome.ALREADY
    assert "the one secret_id is the one that was delivered" in again.detail
    lost = f"bao write {BASE}/secret-id-accessor/destroy secret_id_accessor=accessor-1, then run this again"
    assert lost in again.detail
    assert tried.holds, tried.detail
    assert "1970-01-01T00:02:30Z" in tried.detail
    assert "not tried again" in tried.detail
    assert "a login with the delivered file works" not in tried.detail
    assert vault.logins == 1
    vault.clock = 9_000
    assert _do(work, "try-new").detail == tried.detail, "the time is that of the use, not of the run before"


def test_one_that_another_incidents_rotation_delivered_stays_too(tmp_path: Path) -> None:
    vault = _Vault(records=(OPEN, OTHER))
    for step in ("deliver", "try-new"):
        assert _do(_work(vault, tmp_path), step).holds
    work = _work(vault, _moved(tmp_path), "J")
    assert _do(work, "deliver").outcome is Outcome.ALREADY
    assert _do(work, "try-new").holds
    assert vault.issued == 1


def test_one_that_was_destroyed_by_hand_is_replaced(tmp_path: Path) -> None:
    vault = _Vault()
    _do(_work(vault, tmp_path), "deliver")
    vault.held.clear()
    assert _do(_work(vault, _moved(tmp_path)), "deliver").outcome is Outcome.DONE
    assert list(vault.held) == ["accessor-2"]


class _Killed(_Vault):
    """After the one that was made is on record, before its file is written."""

    def update_incident(self, name: str, change: Callable[[Incident], Incident]) -> None:
        super().update_incident(name, change)
        if self.issued == 1:
            raise KeyboardInterrupt


def test_one_that_is_not_on_record_as_delivered_is_replaced(tmp_path: Path) -> None:
    vault = _Killed()
    with pytest.raises(KeyboardInterrupt):
        _do(_work(vault, tmp_path), "deliver")
    assert list(vault.held) == ["accessor-1"]
    assert _do(_work(vault, tmp_path), "deliver").outcome is Outcome.DONE
    assert list(vault.held) == ["accessor-2"]
    assert json.loads((tmp_path / f"{NAME}.json").read_text())["secret_id"] == "value-2"


def test_one_whose_file_is_there_is_put_on_record_and_kept(tmp_path: Path) -> None:
    """Killed between the two, or rotated by an earlier version."""
    vault = _Vault()
    work = _work(vault, tmp_path)
    _do(work, "deliver")
    vault.records = tuple(replace(i, made=tuple(replace(m, delivered=False) for m in i.made)) for i in vault.records)
    assert _do(work, "deliver").holds
    _moved(tmp_path)
    assert _do(work, "deliver").outcome is Outcome.ALREADY
    assert vault.issued == 1


def test_one_beside_it_is_destroyed_and_it_stays(tmp_path: Path) -> None:
    vault = _Vault()
    work = _work(vault, tmp_path)
    _do(work, "deliver")
    _moved(tmp_path)
    vault.held["somebody's"] = "x"
    assert _do(work, "deliver").outcome is Outcome.DONE
    assert list(vault.held) == ["accessor-1"]


def test_one_that_was_never_tried_is_not_said_to_work(tmp_path: Path) -> None:
    vault = _Vault()
    work = _work(vault, tmp_path)
    _do(work, "deliver")
    _moved(tmp_path)
    tried = _do(work, "try-new")
    assert tried.outcome is Outcome.FAILED
    assert f"put its file back to {tmp_path}/{NAME}.json" in tried.detail
    assert f"bao write {BASE}/secret-id-accessor/destroy secret_id_accessor=accessor-1" in tried.detail


def test_nor_is_one_whose_last_try_failed(tmp_path: Path) -> None:
    vault = _Vault()
    work = _work(vault, tmp_path)
    for step in ("deliver", "try-new"):
        assert _do(work, step).holds
    vault.batch = True
    assert not _do(work, "try-new").holds
    _moved(tmp_path)
    assert not _do(work, "try-new").holds


@pytest.mark.parametrize("text", ["null", "[]", "{", '"text"'])
def test_what_is_no_delivery_is_named_and_not_overwritten(tmp_path: Path, text: str) -> None:
    file = tmp_path / f"{NAME}.json"
    file.write_text(text)
    done = _do(_work(_Vault(), tmp_path), "deliver")
    assert done.outcome is Outcome.FAILED
    assert done.detail == (
        f"{file} is none of a workload's role_id and secret_id, so it is not overwritten: see whose it is, move it "
        "away, then run this again"
    )
    assert file.read_text() == text
