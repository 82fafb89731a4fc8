"""Where a new secret_id is delivered, since a folder that had to be made may be a misspelt one, and what it gives."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from containment.incidents.replacements import reference
from policies.errors import Unreachable
from policies.model import TokenType
from rotation.steps import approle
from rotation.work import Outcome, Result, perform


class _Work:
    """One secret_id at a time."""

    credential = SimpleNamespace(name="risk-engine", item="workload:risk-engine")
    incident_id = "I"

    def __init__(self, delivery: Path) -> None:
        self.vault, self.delivery = self, delivery
        self.held: list[str] = []
        self.references: set[str] = set()

    def keys(self, _: str) -> list[str]:
        return self.held

    def read(self, _: str) -> dict[str, str]:
        return {"role_id": "role"}

    def write(self, path: str, _: object) -> dict[str, str]:
        self.held = [] if path.endswith("destroy") else ["accessor"]
        return {"secret_id": "value", "secret_id_accessor": "accessor"}

    def now(self) -> int:
        return 100

    def made(self) -> set[str]:
        return self.references

    def keep_made(self, handle: str, _: int) -> None:
        self.references.add(reference(handle))


def _deliver(work: _Work) -> Result:
    anything: Any = work
    return perform(next(s for s in approle.steps(anything) if s.name == "deliver"), pauses=(0,))


def test_a_folder_that_had_to_be_made_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "nope" / "x"
    work = _Work(folder)
    done = _deliver(work)
    assert (done.outcome, done.detail) == (
        Outcome.DONE,
        f"one new secret_id, delivered to {folder}/risk-engine.json; {folder} was not there and was made: "
        "is PORTCULLIS_DELIVERY_DIR right?",
    )
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    again = _deliver(work)
    assert (again.outcome, again.detail) == (
        Outcome.ALREADY,
        f"one new secret_id, delivered to {folder}/risk-engine.json",
    )


def test_one_that_is_there_is_not(tmp_path: Path) -> None:
    assert _deliver(_Work(tmp_path)).detail == f"one new secret_id, delivered to {tmp_path}/risk-engine.json"


class _LoggedIn(_Work):
    """The login role gives tokens of the one type, and another may be declared."""

    def __init__(self, delivery: Path, *, batch: bool, declared: TokenType) -> None:
        super().__init__(delivery)
        self.batch, self.declared = batch, declared

    def workload(self) -> Any:
        return SimpleNamespace(name="risk-engine", tokens=self.declared)

    def policies(self, _: object) -> list[str]:
        return ["own"]

    @contextmanager
    def login(self, role_id: str, secret_id: str) -> Iterator[Any]:
        assert (role_id, secret_id) == ("role", "value")
        yield SimpleNamespace(batch=self.batch, policies=("own",))


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
    work: Any = _LoggedIn(tmp_path, batch=batch, declared=declared)
    _deliver(work)
    tried = perform(next(s for s in approle.steps(work) if s.name == "try-new"), pauses=(0,))
    assert tried.outcome is outcome
    assert words in tried.detail


class _Gone(_Work):
    """Somebody deleted the role: the server makes an error of asking for its secret_ids."""

    def keys(self, path: str) -> list[str]:
        raise Unreachable(f'vault: list {path}: InvalidRequest: role "risk-engine" does not exist')

    def read(self, _: str) -> None:  # type: ignore[override]
        return None


def test_where_the_role_is_gone_what_makes_it_anew_is_named(tmp_path: Path) -> None:
    done = _deliver(_Gone(tmp_path))
    assert done.outcome is Outcome.FAILED
    assert done.detail == (
        "the login role does not exist, so no secret_id can be made: pulumi up --refresh --config incident=keep, then "
        "this again"
    )
