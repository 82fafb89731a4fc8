"""What a drill may conclude: a refusal proves something only where the same attack succeeded before the lock-down, and
where an identity that stays allowed succeeds on the same server at that moment."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from containment.folder import record
from drill import background as processes
from drill import run as drill
from drill.acts import Act, Action, Attempt, Performer
from drill.background import Background
from drill.leak import Leak
from drill.result import RECOVERED, STEPS, Probe, verdict
from drill.run import Drill, DrillVoid
from policies.errors import Unreachable
from policies.load import load
from sandbox.environment import Sandbox

USE, CONTROL = Act(Action.READ, {"token": "leaked"}), Act(Action.READ, {"token": "control"})
OTHER = Act(Action.READ, {"token": "leaked too"})
READ = Attempt("read", "a token", USE, CONTROL)
PAUSED = Attempt("log in", "a login", OTHER, CONTROL, paused=True)
ALL = (USE, OTHER, CONTROL)
FOUND = {"ruleid": "rule", "file": "config/exchange.py", "startline": 1, "commit": "0123456789abcdef"}
VOID = "the drill is void: "
INCIDENT = "DRILL-1"


class Servers(Performer):
    """Answers as servers would that let in those of `allowed`, and say nothing to those of `silent`."""

    def __init__(self, *allowed: Act, silent: tuple[Act, ...] = ()) -> None:
        self.allowed, self.silent = list(allowed), silent

    def perform(self, act: Act) -> bool:
        if act in self.silent:
            raise Unreachable("vault: nobody answers")
        return act in self.allowed


class Asked:
    """A drill of two attempts, what its programs find, and what it says. Everything works until a test takes it."""

    def __init__(self, folder: Path) -> None:
        self.found: list[dict[str, Any]] = [FOUND]
        self.said: list[str] = []
        self.servers = Servers(*ALL)
        self.estate = load()
        self.background = Background(folder)
        self.log("services", *({"workload": w.name, "at": 1.0, "ok": True} for w in self.estate.workloads))
        for attempt in (READ, PAUSED):
            self.log(attempt.credential, {"what": attempt.what, "at": 1.0, "ok": True})

    def log(self, name: str, *rows: dict[str, Any]) -> None:
        self.background.logs[name] = self.background.folder / f"{name}.jsonl"
        self.background.logs[name].write_text("".join(json.dumps(row) + "\n" for row in rows))

    def drill(self) -> Drill:
        leaked: Any = Leak((READ, PAUSED), ("key", "secret"), "token")
        nobody: Any = None
        box, actors = Sandbox(self.background.folder / "sandbox"), nobody
        return Drill(
            box, self.said.append, INCIDENT, self.estate, actors, self.servers, leaked, self.background, begin=0.0
        )


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Asked:
    """No process is started and no program run; the logs of both are at hand, and the deadline is over at once."""
    given = Asked(tmp_path)
    monkeypatch.setenv("PORTCULLIS_INCIDENTS", str(tmp_path / "incidents"))
    monkeypatch.setattr(processes, "_DEADLINE", 0.0)
    monkeypatch.setattr(processes, "start_attackers", lambda *_: None)
    monkeypatch.setattr(drill, "commit_key", lambda *_: None)
    monkeypatch.setattr(drill, "scan", lambda _: given.found)
    return given


def test_what_all_succeeds_before_the_lock_down_may_be_drilled(asked: Asked) -> None:
    drill.attack_first(asked.drill())
    assert asked.said == [
        "before: attacker can read",
        "before: attacker can log in",
        "gitleaks: rule in config/exchange.py:1, commit 0123456789",
    ]
    assert [(e["phase"], e["what"]) for e in record.events(INCIDENT)] == [("detection", "gitleaks: rule")]


@pytest.mark.parametrize(
    ("refused", "what"), [(USE, "read"), (OTHER, "log in"), (CONTROL, "read")], ids=["attack", "last attack", "control"]
)
def test_an_attack_or_control_that_is_refused_beforehand_voids_the_drill(asked: Asked, refused: Act, what: str) -> None:
    asked.servers.allowed.remove(refused)
    with pytest.raises(DrillVoid, match=f"^{VOID}before the lock-down nobody could {what}$") as raised:
        drill.attack_first(asked.drill())
    assert raised.value.exit_code == 3
    assert f"before: attacker can {what}" not in asked.said


@pytest.mark.parametrize("silent", [USE, CONTROL], ids=["attack", "control"])
def test_a_server_that_does_not_answer_beforehand_ends_the_drill(asked: Asked, silent: Act) -> None:
    asked.servers.silent = (silent,)
    with pytest.raises(Unreachable, match="nobody answers"):
        drill.attack_first(asked.drill())


@pytest.mark.parametrize(
    ("row", "why"), [({"ok": False, "why": "denied"}, "denied"), (None, "has not tried")], ids=["refused", "absent"]
)
def test_a_service_that_does_not_work_beforehand_voids_the_drill(
    asked: Asked, row: dict[str, Any] | None, why: str
) -> None:
    out, *others = (w.name for w in asked.estate.workloads)
    rows = [{"workload": name, "at": 1.0, "ok": True} for name in others]
    asked.log("services", *rows, *([{"workload": out, "at": 1.0, **row}] if row else []))
    with pytest.raises(DrillVoid, match=f"^{VOID}before the lock-down these did not work: {out}: {why}$"):
        drill.attack_first(asked.drill())


def test_a_key_that_gitleaks_does_not_find_voids_the_drill(asked: Asked) -> None:
    asked.found = []
    with pytest.raises(DrillVoid, match=f"^{VOID}gitleaks did not find the key in the commit$"):
        drill.attack_first(asked.drill())


def test_an_attacker_who_never_succeeds_from_a_process_of_its_own_ends_the_drill(asked: Asked) -> None:
    asked.log(PAUSED.credential, {"what": PAUSED.what, "at": 1.0, "ok": False})
    with pytest.raises(Unreachable, match="the attacker with the a login has not succeeded"):
        drill.attack_first(asked.drill())


def test_a_void_drill_locks_nothing_down(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    asked.servers.allowed.remove(CONTROL)
    monkeypatch.setattr(drill, "prepare", lambda *_: None)
    monkeypatch.setattr(drill, "_in_peace", lambda _: None)
    monkeypatch.setattr(drill, "started", lambda *_: nullcontext(asked.drill()))
    monkeypatch.setattr(drill, "pulumi", lambda *_, **__: pytest.fail("it locked down"))
    with pytest.raises(DrillVoid):
        drill.run(Sandbox(asked.background.folder / "sandbox"), asked.said.append)


PROVES_NOTHING = "refused, and so was the control: proves nothing"
NO_ANSWER = "no answer: vault: nobody answers"


@pytest.mark.parametrize(
    ("servers", "observed"),
    [
        (Servers(CONTROL), "refused"),
        (Servers(USE, CONTROL), "succeeded"),
        (Servers(USE), "succeeded"),
        (Servers(), PROVES_NOTHING),
        (Servers(silent=(CONTROL,)), NO_ANSWER),
        (Servers(CONTROL, silent=(USE,)), NO_ANSWER),
    ],
)
def test_a_refusal_counts_only_while_the_control_succeeds(servers: Servers, observed: str) -> None:
    seen = drill.probe(servers, READ)
    assert seen == Probe("read", "a token", "refused", observed)
    assert seen.held == (observed == "refused")


@pytest.mark.parametrize("lifted", [False, True])
@pytest.mark.parametrize(
    ("servers", "observed"), [(Servers(), PROVES_NOTHING), (Servers(silent=(CONTROL,)), NO_ANSWER)]
)
def test_a_refusal_without_its_control_is_neither_contained_nor_recovered(
    asked: Asked, servers: Servers, observed: str, lifted: bool
) -> None:
    asked.servers = servers
    made = asked.drill()
    drill.attack_again(made, "after", lifted)
    assert asked.said == [f"after: read: {observed}", f"after: log in: {observed}"]
    last = "log in, after the lift" if lifted else "log in"
    assert verdict(made.probes, [], []) == f"not contained: read: {observed}; {last}: {observed}"


def test_after_the_lift_what_leaked_stays_refused_and_what_was_paused_works(asked: Asked) -> None:
    asked.servers = Servers(OTHER, CONTROL)
    made = asked.drill()
    drill.attack_again(made, "after", lifted=True)
    assert [(p.what, p.expected, p.held) for p in made.probes] == [
        ("read", "refused", True),
        ("log in, after the lift", "succeeded", True),
    ]


@pytest.mark.parametrize(
    ("code", "contained", "verdict_says"),
    [
        (0, {"not_contained": [], "effects": [{"what": step} for step in STEPS]}, RECOVERED),
        (1, {"not_contained": [], "effects": [{"what": step} for step in STEPS]}, "not contained: pulumi up exited 1"),
        (0, {"not_contained": ["x (gate: no)"], "effects": [{"what": step} for step in STEPS]}, "not contained: x (ga"),
        (0, {"not_contained": [], "effects": [{"what": step} for step in STEPS[1:]]}, "not contained: no sign of this"),
        (0, None, "not contained: no sign of this step: "),
    ],
    ids=["contained", "exit code", "named", "a step less", "no report"],
)
def test_a_lock_down_that_was_not_contained_never_gets_the_good_verdict(
    asked: Asked, monkeypatch: pytest.MonkeyPatch, code: int, contained: dict[str, Any] | None, verdict_says: str
) -> None:
    """Whatever held afterwards."""
    monkeypatch.setattr(Sandbox, "environ", lambda _: {})
    monkeypatch.setattr(drill, "pulumi", lambda *argv, **_: CompletedProcess(argv, code, "", ""))
    refused = {"credential": "token of execution-engine", "first_refused": 2.0}
    monkeypatch.setattr(processes, "attackers", lambda *_: [refused])
    monkeypatch.setattr(processes, "services", lambda *_: [])
    monkeypatch.setattr(drill, "_write", lambda *_: Path("report.html"))
    if contained is not None:
        (record.folder(INCIDENT) / "containment.json").write_text(json.dumps(contained))
    made = asked.drill()
    drill.lock(made)
    asked.servers.allowed = [CONTROL]
    drill.attack_again(made, "after")
    result, _ = drill._finish(made)
    assert result.verdict.startswith(verdict_says)
    assert result.held == (verdict_says == RECOVERED)
