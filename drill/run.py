"""The drill: leak, lock down with one `pulumi up`, attack again, rotate, lift, and say what held."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from containment.adapters.vault import HvacVault
from containment.folder import record
from containment.incidents.incident import State
from drill import background as processes
from drill.actors import Actors
from drill.acts import Attempt, Performer
from drill.background import Background
from drill.commit import commit_key, scan
from drill.leak import DEVELOPER, LEAKED, Leak, leak
from drill.result import Probe, Result, missing_steps, verdict
from drill.stack import Progress, prepare, pulumi
from policies.errors import Finding, InputError, PortcullisError
from policies.load import load
from policies.model import Estate
from sandbox.environment import REPOSITORY, Sandbox


class DrillVoid(PortcullisError):
    """An attack failed before the lock-down, so its refusal afterwards would prove nothing."""

    exit_code = 3


@dataclass
class Drill:
    sandbox: Sandbox
    progress: Progress
    incident: str
    estate: Estate
    actors: Actors
    performer: Performer
    leak: Leak
    background: Background
    begin: float
    seconds: dict[str, float | None] = field(default_factory=dict)
    probes: list[Probe] = field(default_factory=list)
    not_contained: list[str] = field(default_factory=list)
    not_recovered: list[str] = field(default_factory=list)
    locked_at: float = 0.0
    lifting_at: float = math.inf

    def since_lock(self) -> float:
        return round(time.time() - self.locked_at, 3)


def run(sandbox: Sandbox, progress: Progress) -> tuple[Result, Path]:
    """The result and the report. Raises DrillVoid when an attack does not succeed beforehand."""
    begin = time.monotonic()
    prepare(sandbox, progress)
    _in_peace(sandbox)
    with started(sandbox, progress, begin) as drill:
        attack_first(drill)
        lock(drill)
        attack_again(drill, "after the lock-down")
        _refused_lift(drill)
        _revoke_github_token(drill)
        _rotate(drill)
        _lift(drill)
        attack_again(drill, "after the lift", lifted=True)
        return _finish(drill)


def _in_peace(sandbox: Sandbox) -> None:
    """Raises InputError naming what is open: nobody could get in before the lock-down."""
    found = HvacVault.from_environment(sandbox.environ()).incidents()
    if still := [i.id for i in found if i.state is State.OPEN]:
        raise InputError(
            f"this sandbox is locked down ({', '.join(still)}): lift it, or begin anew with `portcullis sandbox reset`"
        )


@contextmanager
def started(sandbox: Sandbox, progress: Progress, begin: float) -> Iterator[Drill]:
    """Leaked credentials in hand, services at work; every background process is stopped in the end."""
    actors, estate = Actors(sandbox), load()
    incident = time.strftime("DRILL-%Y%m%dT%H%M%SZ", time.gmtime())
    background = Background(sandbox.root / "drill" / incident)
    try:
        processes.start_services(background, actors, estate, sandbox)
        leaked = leak(actors, estate)
        yield Drill(sandbox, progress, incident, estate, actors, Performer(actors), leaked, background, begin)
    finally:
        background.stop()


def attack_first(drill: Drill) -> None:
    """Every attack must succeed, by hand and from a process of its own, and gitleaks must find the commit."""
    for attempt in drill.leak.attempts:
        if not drill.performer.perform(attempt.use) or not drill.performer.perform(attempt.control):
            raise DrillVoid(f"the drill is void: before the lock-down nobody could {attempt.what}")
        drill.progress(f"before: attacker can {attempt.what}")
    processes.start_attackers(drill.background, drill.actors, drill.leak)
    out = processes.wait_for_services(drill.background, [w.name for w in drill.estate.workloads], 0)
    if out:
        raise DrillVoid(f"the drill is void: before the lock-down these did not work: {'; '.join(out)}")
    repository = drill.background.folder / "leak"
    commit_key(repository, drill.leak.exchange_key)
    found = scan(repository)
    if not found:
        raise DrillVoid("the drill is void: gitleaks did not find the key in the commit")
    for one in found:
        drill.progress(f"gitleaks: {one['ruleid']} in {one['file']}:{one['startline']}, commit {one['commit'][:10]}")
        record.note(drill.incident, phase="detection", what=f"gitleaks: {one['ruleid']}", target=one["file"])
    processes.wait_for_attackers(drill.background, drill.leak)


def lock(drill: Drill) -> None:
    drill.progress(f"pulumi up --config incident=true  ({drill.incident})")
    environ = drill.sandbox.environ()
    drill.locked_at = time.time()
    scope = f"incidentScope={','.join(LEAKED.leaked)}"
    done = pulumi(drill.sandbox, "incident=true", f"incidentId={drill.incident}", scope, environ=environ)
    drill.seconds["lockdown"] = drill.since_lock()
    if done.returncode:
        drill.progress(done.stdout[-3000:])
        drill.not_contained.append(f"pulumi up exited {done.returncode}")
    kept = record.folder(drill.incident) / "containment.json"
    report = json.loads(kept.read_text()) if kept.exists() else {"not_contained": [], "effects": []}
    drill.not_contained += [*report["not_contained"], *missing_steps(e["what"] for e in report["effects"])]


def attack_again(drill: Drill, when: str, lifted: bool = False) -> None:
    """What leaked is refused for ever; what was only paused works again once the incident is lifted."""
    for attempt in drill.leak.attempts:
        seen = probe(drill.performer, attempt)
        if lifted and attempt.paused:
            seen = replace(seen, what=f"{attempt.what}, after the lift", expected="succeeded")
        drill.probes.append(seen)
        drill.progress(f"{when}: {attempt.what}: {seen.observed}")


def probe(performer: Performer, attempt: Attempt) -> Probe:
    try:
        used, control = performer.perform(attempt.use), performer.perform(attempt.control)
        observed = "succeeded" if used else "refused" if control else "refused, and so was the control: proves nothing"
    except PortcullisError as error:
        observed = f"no answer: {error}"
    return Probe(attempt.what, attempt.credential, "refused", observed)


def _refused_lift(drill: Drill) -> None:
    """Before rotation the gate must not rise, whoever asks."""
    done = pulumi(drill.sandbox, "incident=false", f"incidentId={drill.incident}", "incidentScope=")
    refused = done.returncode != 0 and "lift refused" in done.stdout
    drill.probes.append(
        Probe("lift before anything was rotated", "the gate", "refused", "refused" if refused else "lifted")
    )
    drill.progress(f"pulumi up --config incident=false before rotation: {drill.probes[-1].observed}")


def _revoke_github_token(drill: Drill) -> None:
    """As the playbook says: a person's, which no server of ours issued, and which the lock of the branches stops only
    until the lift."""
    drill.actors.revoke_github_token(drill.leak.github_token)
    drill.progress(f"{DEVELOPER} revokes the leaked GitHub token: POST /credentials/revoke")
    record.note(
        drill.incident, phase="eradication", what="GitHub token revoked", target=DEVELOPER, detail="by its holder"
    )


def _rotate(drill: Drill) -> None:
    drill.progress(f"portcullis rotate run {drill.incident}")
    code, _ = command(drill.sandbox, drill.progress, "rotate", "run", drill.incident)
    if code:
        drill.not_recovered.append(f"rotate run exited {code}")
    else:
        drill.seconds["to_rotated"] = drill.since_lock()


def _lift(drill: Drill) -> None:
    drill.progress("pulumi up --config incident=false")
    drill.lifting_at = time.time()
    done = pulumi(drill.sandbox, "incident=false", f"incidentId={drill.incident}", "incidentScope=")
    if done.returncode:
        drill.progress(done.stdout[-3000:])
        drill.not_recovered.append(f"the lift exited {done.returncode}")
        return
    drill.seconds["to_lifted"] = drill.since_lock()
    workloads = [w.name for w in drill.estate.workloads]
    drill.not_recovered += processes.wait_for_services(drill.background, workloads, time.time())


def _finish(drill: Drill) -> tuple[Result, Path]:
    attackers = processes.attackers(drill.background, drill.leak, drill.lifting_at)
    services = processes.services(drill.background, drill.locked_at)
    for row in attackers:
        if row["first_refused"] is None:
            drill.not_contained.append(f"{row['credential']}: the attacker was not refused after its last success")
    if not drill.not_contained:
        token = next(a for a in attackers if a["credential"] == "token of execution-engine")
        drill.seconds["to_deny"] = round(token["first_refused"] - drill.locked_at, 3)
        drill.seconds["to_revoked"] = round(max(a["first_refused"] for a in attackers) - drill.locked_at, 3)
    drill.not_recovered += [f"{s['workload']} is still out" for s in services if s["interrupted_seconds"] is None]
    drill.seconds["total"] = round(time.monotonic() - drill.begin, 3)
    order = ("to_deny", "lockdown", "to_revoked", "to_rotated", "to_lifted", "total")
    result = Result(
        drill.incident,
        {name: drill.seconds.get(name) for name in order},
        tuple(drill.probes),
        verdict(drill.probes, drill.not_contained, drill.not_recovered),
    )
    return result, _write(drill, result, attackers, services)


def _write(drill: Drill, result: Result, attackers: list[dict[str, Any]], services: list[dict[str, Any]]) -> Path:
    """Into the evidence, which is then collected, sealed and told in the report. Raises Finding where it is not."""
    from rotation.evidence.folder import Evidence

    evidence = Evidence(record.folder(drill.incident))
    for name, rows in (("drill.json", result.to_json()), ("attackers.json", attackers), ("services.json", services)):
        evidence.write_json(name, rows)
    for words in (("evidence", "collect"), ("evidence", "verify")):
        code, answer = command(drill.sandbox, drill.progress, *words, drill.incident)
        if code:
            raise Finding(f"the drill's evidence does not hold: {' '.join(words)} exited {code}: {answer}")
    return record.folder(drill.incident) / "report.html"


def command(sandbox: Sandbox, progress: Callable[[str], None], *words: str) -> tuple[int, Any]:
    """`portcullis …` as a person runs it. Returns the exit code and the JSON document; its progress is passed on."""
    argv = [sys.executable, "-m", "rotation", *words, "--json"]
    env = {**os.environ, **sandbox.environ()}
    with subprocess.Popen(
        argv, cwd=REPOSITORY, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        if child.stderr is not None:
            for line in child.stderr:
                progress("  " + line.rstrip())
        output = child.stdout.read() if child.stdout is not None else ""
    try:
        return child.returncode, json.loads(output)
    except ValueError:
        return child.returncode, None
