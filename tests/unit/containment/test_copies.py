"""What stands among the Actions secrets at the lift is what the rotation wrote."""

from __future__ import annotations

from typing import Any

import pytest

from containment.incidents.incident import Copy, Incident, Scope, State
from containment.undeclared.copies import touched
from policies.errors import Unreachable

OURS = Copy("core", "DEPLOY_TOKEN", "2026-11-28T22:00:00Z")
INCIDENT = Incident("INC-7", Scope(everything=True), State.OPEN, opened_at=1, copies=(OURS,))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (OURS.written, ""),
        ("2026-11-28T22:00:09Z", "core/DEPLOY_TOKEN was written at 2026-11-28T22:00:09Z, after the rotation wrote it"),
        (None, "core/DEPLOY_TOKEN was deleted, after the rotation wrote it"),
        (Unreachable("github: down"), "core/DEPLOY_TOKEN: whether it was left alone was not seen: github: down"),
    ],
)
def test_a_copy_that_was_touched_is_named(answer: str | Unreachable | None, words: str) -> None:
    class Host:
        def actions_secret_updated(self, repository: str, name: str) -> str | None:
            assert (repository, name) == (OURS.repository, OURS.name)
            if isinstance(answer, Unreachable):
                raise answer
            return answer

    host: Any = Host
    found = touched(INCIDENT, host)
    assert len(found) == bool(words)
    assert words in "".join(found)


def test_the_last_write_of_a_copy_counts_and_is_kept() -> None:
    later, other = Copy("core", "DEPLOY_TOKEN", "later"), Copy("core", "OTHER", "then")
    held = INCIDENT.with_copies([other]).with_copies([later])
    assert held.copies == (other, later)
    assert Incident.from_json(held.to_json()) == held
    data = INCIDENT.to_json()
    del data["copies"]
    assert Incident.from_json(data).copies == (), "of a record from before"
