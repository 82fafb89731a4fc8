"""Each leaked thing has a line of its own, and is shut out only where all that shuts it out was seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from containment import effects
from containment.incidents import issuers
from rotation.evidence.leaked import _ALL, _CLASSES, Credential, leaked
from rotation.evidence.reading import Row
from rotation.evidence.replaced import replaced

AT = 1795488702.0


def _act(what: str, target: str, outcome: str = "already", detail: str = "in force", at: float = AT) -> Row:
    return {"what": what, "target": target, "outcome": outcome, "detail": detail, "at": at, "phase": "containment"}


PATH = _act("probe", "key", detail="probe: p 403 while a control read is 200")
KEY = (PATH, _act("upstream key disabled", "key", "done", "1 disabled"), _act("upstream keys known", "key"))
DATABASE = (
    _act("database sessions ended", "db", "done", "1 users, no session left"),
    _act("lease revoked", "db abc123", "done", "looked up, gone"),
    _act("database users gone", "db", "done", "1 gone"),
)
WORKLOAD = (
    _act("identity denied", "pc-w-w"),
    _act("entity disabled", "w", "done", "disabled"),
    _act("secret_ids destroyed", "w", "done", "1 destroyed"),
    _act("token revoked", "w abc123…", "done", "looked up, gone"),
)
SIGNED = (_act("identity denied", "pc-w-j"), _act("login off", "j", "done"))
BATCH = _act("batch tokens", "pc-b-j-0", detail="cannot be revoked: denied until 12:00:00 UTC")
CI = (_act("identity denied", "pc-ci-c"), _act("CI role off", "c", "done"))
REPOSITORY = (
    _act("branch protected", "r main", "done"),
    _act("branches locked", "r", "done"),
    _act("tags locked", "r", "done"),
    _act("deploy keys removed", "r"),
)
EACH: dict[str, tuple[Row, ...]] = {
    "secret:key": KEY,
    "secret:db": DATABASE,
    "workload:w": WORKLOAD,
    "workload:j": SIGNED,
    "ci:c": CI,
    "repository:r": REPOSITORY,
}


def _incident(*items: str, **other: Any) -> Row:
    return {"scope": {"everything": False, "leaked": list(items)}} | other


def _one(incident: Row, acts: Any, told: Any = (), *, complete: bool = True) -> Credential:
    (found,) = leaked(incident, told, list(acts), complete=complete)
    return found


@pytest.mark.parametrize("item", EACH)
def test_it_is_shut_out_when_everything_was_seen_and_by_no_less(item: str) -> None:
    assert _one(_incident(item), EACH[item]).holds
    for act in EACH[item]:
        others = [a for a in EACH[item] if a is not act]
        assert _one(_incident(item), [*others, act | {"outcome": "failed", "detail": "no answer"}]).failed, act["what"]
        if act["what"] not in ("lease revoked", "token revoked"):  # which are there for each that was out
            assert not _one(_incident(item), others).holds, act["what"]


def test_the_probe_of_the_path_says_nothing_of_the_key() -> None:
    """As in a lock-down while the exchange does not answer."""
    away = {"outcome": "failed", "detail": "exchange: GET: ConnectError"}
    found = _one(_incident("secret:key"), [PATH, *(act | away for act in KEY[1:])])
    assert [(line.what, line.ok) for line in found.lines] == [
        ("its path in the vault", True),
        ("the key at its issuer", False),
        ("other live keys of that account", False),
    ]
    assert (found.tone, found.lines[1].seen) == ("bad", "exchange: GET: ConnectError")


def test_a_value_that_nobody_here_can_disable_is_contained_and_not_dead() -> None:
    found = _one(_incident("secret:key"), [PATH])
    assert (found.contained, found.tone, found.lines[-1].ok) == (True, "warn", None)


DEAD = {"item": "secret:key", "kind": "old-dead", "at": AT + 5, "ok": True, "detail": "3 versions destroyed"}


@pytest.mark.parametrize(
    ("proof", "tone"),
    [
        ({}, "good"),
        ({"ok": False, "detail": "still live: sha256:x"}, "bad"),
        ({"ok": False, "detail": "it is not proven"}, "bad"),
        ({"detail": "3 versions destroyed; at the other side confirmed by A. Roth: off: not proven"}, "warn"),
        ({"ok": False, "detail": "a person must confirm the other side: portcullis rotate confirm"}, "warn"),
    ],
)
def test_what_is_replaced_is_shut_no_longer_and_the_proof_speaks(proof: Row, tone: str) -> None:
    incident = _incident("secret:key", proofs=[DEAD | proof], opened=["secret:key"])
    found = _one(incident, KEY)
    assert found.tone == tone
    assert found.lines[-1].what == "the old one dead"
    if not proof:
        assert [line.what for line in _one(incident, []).lines] == ["the old one dead"]
        refused_late = _one(incident, [], [PATH | {"outcome": "failed"}])
        assert refused_late.holds, "a probe from before the proof"
        assert _one(incident, [PATH | {"outcome": "failed", "at": AT + 9}]).failed


def test_a_jwt_that_logs_in_again_is_not_shut_out_once_its_role_is_on() -> None:
    proof = DEAD | {"item": "ci:c", "detail": "no token left; a JWT from before logs in again until 12:00:00 UTC"}
    assert _one(_incident("ci:c", proofs=[proof], state="open"), CI).holds
    assert _one(_incident("ci:c", proofs=[proof], state="lifted"), CI).tone == "warn"
    early, late = ({"state": "lifted", "contained_at": AT, "lifted_at": AT + later} for later in (60, 600))
    assert _one(_incident("ci:c", proofs=[proof], **early), CI).tone == "warn"
    assert _one(_incident("ci:c", proofs=[proof], **late), CI).holds, "it had expired by then"
    assert _one(_incident("ci:c", proofs=[proof], **late), CI).lines[-1].seen.endswith("; it was")
    shown = [replaced(_incident("ci:c", proofs=[proof], **when))[0].holds for when in (early, late)]
    assert shown == [False, True], "the card and the count say the same"


def test_once_it_is_lifted_nobody_is_told_when_to_lift() -> None:
    """What is said is true whenever it is read."""
    words = f"no token is left; a JWT from before {issuers.words(int(AT) + issuers.LIFE)} {issuers.ADVICE}"
    proof = DEAD | {"item": "ci:c", "detail": words}
    waits = _incident("ci:c", proofs=[proof], state="open", contained_at=AT)
    early = _incident("ci:c", proofs=[proof], state="lifted", contained_at=AT, lifted_at=AT + 60)
    assert [_one(waits, CI).lines[-1].seen, replaced(waits)[0].proofs[0].detail] == [words, words]
    for seen in (_one(early, CI).lines[-1].seen, replaced(early)[0].proofs[0].detail):
        assert issuers.ADVICE not in seen
        assert seen.startswith(
            "no token is left; a JWT from before may have logged in between the lift (02:52:42 UTC) and 02:57:42 UTC, "
            "not after: the audit device's file has a login with role c in between if one did"
        )
    assert _one(early, CI).tone == "warn"
    assert not replaced(early)[0].holds


@pytest.mark.parametrize("item", ["workload:w", "workload:j", "ci:c"])
def test_what_an_identity_may_have_leased_is_on_its_card(item: str) -> None:
    assert _one(_incident(item), [*EACH[item], *DATABASE]).holds
    for act in DATABASE:
        others = [a for a in DATABASE if a is not act]
        found = _one(_incident(item), [*EACH[item], *others, act | {"outcome": "failed", "detail": "no answer"}])
        assert (found.tone, found.lines[-3 + DATABASE.index(act)].ok) == ("bad", False), act["what"]


def test_a_failure_of_an_earlier_run_is_over_and_one_of_a_later_that_was_killed_is_not() -> None:
    failed = _act("token revoked", "w old111…", "failed", "still looked up", AT - 60)
    assert _one(_incident("workload:w"), WORKLOAD, [failed]).holds
    assert _one(_incident("workload:w"), WORKLOAD, [failed | {"at": AT + 60}]).failed


def test_a_path_that_nobody_could_try_is_over_with_a_run_that_was_seen_contained() -> None:
    """Under another scope the later run tries another path, or none."""
    everything = {"scope": {"everything": True, "leaked": []}}
    untried = _act("probe", "key", "failed", "the vault does not answer", AT - 60)
    let_in = untried | {"detail": "probe: p answered 200, control 200"}
    contained, other = _act("contained", "INC-1", "done"), PATH | {"target": "other"}
    for earlier, ended, failed in (
        (untried, contained, False),
        (untried, contained | {"outcome": "failed"}, True),
        (untried | {"at": AT + 60}, contained, True),
        (let_in, contained, True),
    ):
        found = leaked(everything, [earlier], [other, ended], complete=True)
        assert any(c.failed for c in found) is failed, (earlier, ended)


def test_a_run_that_did_not_end_says_nothing_of_what_it_did_not_come_to() -> None:
    assert _one(_incident("ci:c"), [], CI, complete=False).tone == "warn"
    cut = _act("lock-down", "everything after the last effect above", "failed")
    assert not _one(_incident("ci:c"), [*CI, cut]).holds
    sweep = _act("tokens revoked", "every identity in scope", "failed", "no answer")
    assert _one(_incident("ci:c"), [*CI, sweep]).failed


def test_with_a_repository_the_secrets_that_it_holds_leaked_too() -> None:
    found = leaked(_incident("repository:r"), [], [*REPOSITORY, *KEY], complete=True)
    assert [c.name for c in found] == ["repository:r", "secret:key"]
    another = [PATH | {"target": "another incident's"}]
    named = ["repository:r", "secret:key"]
    found = leaked(_incident("repository:r"), [], [*REPOSITORY, *KEY, *another], complete=True, named=named)
    assert [c.name for c in found] == named


def test_batch_tokens_are_no_listed_ones() -> None:
    found = _one(_incident("workload:j"), [*SIGNED, BATCH, BATCH | {"target": "pc-b-j-1", "detail": "in force"}])
    assert found.lines[-1].seen == "cannot be revoked: denied until 12:00:00 UTC; in force"
    assert [line.what for line in found.lines[-2:]] == ["its tokens that are listed", "its batch tokens"]
    assert _one(_incident("workload:j"), [*SIGNED, BATCH | {"outcome": "failed"}]).failed
    assert "batch" not in _one(_incident("workload:j"), [*SIGNED, BATCH | {"target": "pc-b-jj-0"}]).lines[-1].what


def test_one_name_is_not_anothers() -> None:
    assert not _one(_incident("workload:w"), [act | {"target": str(act["target"]) + "-2"} for act in WORKLOAD]).holds


def test_of_everything_each_class_has_a_line_and_the_rest_is_not_called_dead() -> None:
    everything = {"scope": {"everything": True, "leaked": []}}
    acts = [*KEY, *DATABASE, *WORKLOAD, *CI, _act("CI role off", "c2", "failed", "no answer")]
    tones = {c.name: c.tone for c in leaked(everything, [], acts, complete=True)}
    assert tones == {
        "every secret that is denied by its declaration": "good",
        "every database credential": "good",
        "every CI role": "bad",
        "every token that was out": "good",
        "every other value and login": "warn",
    }


def test_each_sign_is_an_effect_of_the_lock_down() -> None:
    text = "".join(file.read_text() for file in Path(effects.__path__[0]).glob("*.py"))
    signs = [sign for kinds in _CLASSES.values() for signs in kinds for sign in signs]
    for what in {what for sign in [*signs, *(s for _, some in _ALL for s in some)] for what in sign.whats}:
        assert f'"{what}"' in text or what == "probe", what
