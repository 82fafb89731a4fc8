"""The effects on repositories against a code host that misbehaves in one way at a time."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from typing import Any

import pytest

from containment.effects import repositories, workflows
from containment.incidents.incident import Incident, Scope, State
from containment.incidents.scope import affected
from containment.ports import DeployKey
from containment.report import Outcome
from containment.repository import (
    INCIDENT_BRANCHES,
    RULESET,
    RULESETS,
    TAG_RULESET,
    BranchRule,
    Demands,
    Ruleset,
    in_peace,
    settings,
)
from containment.run import Run, Systems
from policies.errors import Unreachable
from policies.load import load
from policies.model import Protection

CORE, CONNECTORS, CONTROL = "tradepulse-core", "tradepulse-connectors", "tradepulse-infra"
ESTATE = load()
IDS = {r.name: number for number, r in enumerate(ESTATE.repositories, start=100)}
"""As the last apply saw them."""
INCIDENT = Incident("I", Scope(False, (f"repository:{CORE}",)), State.OPEN, 1)


class Host:
    """Keeps what is written, in peace at first. `deaf`: methods that answer well and change nothing; `absent`: rules
    that do not exist; `stubborn`: runs that end by force only; `immortal`: runs that never end."""

    def __init__(self, **faults: Any) -> None:
        self.deaf: set[str] = faults.get("deaf", set())
        self.stubborn, self.immortal = faults.get("stubborn", False), faults.get("immortal", False)
        self.written: list[str] = []
        self.rules: dict[str, list[BranchRule]] = {}
        self.sets: dict[tuple[str, str], Ruleset] = {}
        for repository in ESTATE.repositories:
            found = settings(repository, locked=False)
            named = [dataclasses.replace(rule, id=f"{repository.name}-{rule.pattern}") for rule in found.branches]
            absent = repository.name in faults.get("absent", ())
            self.rules[repository.name] = [] if absent else named
            for number, held in enumerate(() if absent else found.rulesets):
                self.sets[repository.name, RULESETS[held.target]] = dataclasses.replace(held, id=number + 1)
        self.ids = dict(IDS)
        self.actions = dict.fromkeys(self.rules, True)
        self.organization = "all"
        self.runs = {name: [1, 2] for name in self.rules}
        self.keys = {name: [DeployKey(7, "deploy host", True, "")] for name in self.rules}
        self.of_environments: dict[tuple[str, str], list[str]] = {}
        self.secrets = {r.name: [copy.name for copy in r.actions_secrets] for r in ESTATE.repositories}

    def _write(self, method: str, what: str) -> bool:
        self.written.append(f"{method} {what}")
        return method not in self.deaf

    def repository_id(self, repository: str) -> int | None:
        return self.ids.get(repository)

    def repository_names(self) -> dict[int, str]:
        return {number: name for name, number in self.ids.items()}

    def branch_rules(self, repository: str) -> list[BranchRule]:
        return self.rules[repository]

    def write_branch_rule(self, repository: str, rule: BranchRule) -> None:
        if self._write("write_branch_rule", f"{repository} {rule.pattern}"):
            kept = [held for held in self.rules[repository] if held.pattern != rule.pattern]
            self.rules[repository] = [*kept, dataclasses.replace(rule, id=rule.id or "new", around=())]

    def ruleset(self, repository: str, name: str, target: str = "branch") -> Ruleset | None:
        held = self.sets.get((repository, name))
        return held if held and held.target == target else None

    def write_ruleset(self, repository: str, name: str, ruleset: Ruleset) -> None:
        if self._write("write_ruleset", f"{repository} {name}"):
            self.sets[repository, name] = dataclasses.replace(ruleset, id=ruleset.id or 9)

    def actions_enabled(self, repository: str) -> bool:
        return self.actions[repository]

    def enable_actions(self, repository: str, enabled: bool) -> None:
        if self._write("enable_actions", repository):
            self.actions[repository] = enabled

    def organization_actions(self) -> str:
        return self.organization

    def set_organization_actions(self, enabled_repositories: str) -> None:
        if self._write("set_organization_actions", enabled_repositories):
            self.organization = enabled_repositories

    def live_runs(self, repository: str) -> list[int]:
        return self.runs[repository]

    def cancel_run(self, repository: str, run: int, force: bool = False) -> None:
        self.written.append(f"cancel_run {repository} {run} {force}")
        if not self.immortal and (force or not self.stubborn):
            self.runs[repository] = [held for held in self.runs[repository] if held != run]

    def deploy_keys(self, repository: str) -> list[DeployKey]:
        return self.keys[repository]

    def add_deploy_key(self, repository: str, title: str, key: str, read_only: bool = True) -> int:
        raise NotImplementedError

    def delete_deploy_key(self, repository: str, key: int) -> None:
        if self._write("delete_deploy_key", repository):
            self.keys[repository] = [held for held in self.keys[repository] if held.id != key]

    def put_actions_secret(self, repository: str, name: str, value: str) -> None:
        raise NotImplementedError

    def actions_secrets(self, repository: str) -> list[str]:
        return self.secrets[repository]

    def environments(self, repository: str) -> dict[str, dict[str, Any]]:
        raise Unreachable(f"github: {repository}: the patterns of its environments: 403")

    def environment_names(self, repository: str) -> list[str]:
        return [name for at, name in self.of_environments if at == repository]

    def environment_secrets(self, repository: str, environment: str) -> list[str]:
        return self.of_environments[repository, environment]

    def openness(self, repository: str) -> dict[str, Any]:
        raise NotImplementedError

    def actions_secret_updated(self, repository: str, name: str) -> str | None:
        raise NotImplementedError


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workflows, "CANCEL_SECONDS", 0.3)


@dataclasses.dataclass
class Kept:
    """The vault, as far as it is asked."""

    ids: dict[str, int]

    def repository_ids(self) -> dict[str, int]:
        return self.ids


def lock(
    host: Host | Unreachable,
    incident: Incident = INCIDENT,
    kept: dict[str, int] = IDS,
    told: Callable[[str], None] = lambda _: None,
) -> dict[str, tuple[Outcome, str]]:
    def code_host() -> Host:
        if isinstance(host, Unreachable):
            raise host
        return host

    def none(*_: object) -> Any:
        raise NotImplementedError

    systems = Systems(Kept(kept), none, none, code_host, none)  # type: ignore[arg-type]
    run = Run(
        systems,
        ESTATE,
        (incident,),
        incident,
        told,
        affected(ESTATE, (incident,)),
    )
    repositories.lock(run)
    return {f"{e.what} {e.target}": (e.outcome, e.detail) for e in run.effects}


def failed(effects: dict[str, tuple[Outcome, str]]) -> set[str]:
    return {name for name, (outcome, _) in effects.items() if outcome is Outcome.FAILED}


def test_everything_is_done_once() -> None:
    host = Host()
    effects = lock(host)
    kept = {f"branch protected {CONTROL} {INCIDENT_BRANCHES}", f"other rules as strict {CONTROL} {INCIDENT_BRANCHES}"}
    kept |= {*(f"repository is the same {name}" for name in IDS), f"Actions secrets of others {CORE}"}
    kept.add(f"environments' secrets {CORE}")
    assert {name for name, (outcome, _) in effects.items() if outcome is not Outcome.DONE} == kept
    assert {effects[name][0] for name in kept} == {Outcome.ALREADY}
    host.written.clear()
    again = lock(host)
    assert {outcome for outcome, _ in again.values()} == {Outcome.ALREADY}
    assert again.keys() == effects.keys()
    assert host.written == []


def test_the_control_repository_stays_open_for_its_mergers() -> None:
    host = Host()
    lock(host)
    main = next(rule for rule in host.rules[CONTROL] if rule.pattern == "main")
    assert (main.lock, main.enforce_admins, main.approvals) == (False, True, 2)
    assert main.pushers == ("sic-lead", "sre-oncall")
    assert host.sets[CONTROL, RULESET].exclude == ("refs/heads/main", f"refs/heads/{INCIDENT_BRANCHES}")
    assert host.sets[CONTROL, TAG_RULESET] == Ruleset(True, (), target="tag", id=2)
    assert host.actions[CONTROL] is True
    assert host.runs[CONTROL] == [1, 2], "the run that locks down may be among them"


def test_keys_go_only_where_the_repository_leaked() -> None:
    host = Host()
    lock(host)
    assert [name for name, keys in host.keys.items() if not keys] == [CORE]


def test_what_a_leaked_repository_holds_beyond_copies_is_named() -> None:
    host = Host()
    assert "copies of declared secrets only" in lock(host)[f"Actions secrets of others {CORE}"][1]
    host.secrets[CORE].append("NPM_TOKEN")
    told: list[str] = []
    assert "nothing here replaces NPM_TOKEN" in lock(host, told=told.append)[f"Actions secrets of others {CORE}"][1]
    assert any("organization's, which are not looked at" in line for line in told)


def test_what_the_environments_of_a_leaked_repository_hold_is_named() -> None:
    host, what, told = Host(), f"environments' secrets {CORE}", list[str]()
    host.of_environments = {(CORE, "prod"): ["API_KEY"], (CORE, "dev"): [], (CONTROL, "apply"): ["TOKEN"]}
    outcome, words = lock(host, told=told.append)[what]
    assert outcome is Outcome.ALREADY
    assert words.startswith("nothing here replaces prod/API_KEY, no copy of a declared secret")
    assert any(line.startswith(f"warning: {CORE}: nothing here replaces prod/API_KEY") for line in told)


def test_a_token_that_may_not_see_environments_names_the_repositorys_own_all_the_same() -> None:
    class Refused(Host):
        def environment_names(self, repository: str) -> list[str]:
            raise Unreachable(f"github: {repository}: 403 Resource not accessible")

    host = Refused()
    host.secrets[CORE].append("NPM_TOKEN")
    effects = lock(host)
    assert failed(effects) == {f"environments' secrets {CORE}"}
    assert "NPM_TOKEN" in effects[f"Actions secrets of others {CORE}"][1]


def test_no_incident_touches_nothing() -> None:
    host = Host()
    assert lock(host, dataclasses.replace(INCIDENT, state=State.LIFTED)) == {}
    assert host.written == []


def test_what_is_declared_beyond_approvals_is_asked_for_in_peace_and_locked() -> None:
    (core,) = [r for r in ESTATE.repositories if r.name == CORE]
    asked = Protection(True, ("tests",), True, True, ("tradepulse/release",))
    for locked in (False, True):
        (rule,) = settings(dataclasses.replace(core, protection=asked), locked).branches
        assert (rule.enforce_admins, rule.pushers) == (True, ("tradepulse/release",))
        assert rule.demands == Demands(("tests",), code_owners=True, last_push=True)


@pytest.mark.parametrize("control", [False, True])
def test_in_peace_a_rule_keeps_what_nobody_declared(control: bool) -> None:
    """But not who may push to the control repository, and not a lock: a lock-down has written these."""
    wanted = BranchRule("main", False, False, 1, True, None, False, Demands(("tests",)))
    theirs = Demands(("scan",), signatures=True, dismissals=("a",))
    held = BranchRule("main", True, True, 3, False, ("a", "b"), True, theirs, id="x")
    both = Demands(("scan", "tests"), signatures=True, dismissals=("a",))
    kept = dataclasses.replace(wanted, id="x", demands=both)
    if not control:
        kept = dataclasses.replace(kept, pushers=("a", "b"), creations_blocked=True)
    assert in_peace(held, wanted, control) == kept


def test_a_stricter_rule_stays_stricter() -> None:
    host = Host()
    (rule,) = host.rules[CORE]
    strict = dataclasses.replace(rule, approvals=4, pushers=("omar-dev",), demands=Demands(("tests",), True, True))
    host.rules[CORE] = [strict]
    lock(host)
    assert host.rules[CORE] == [dataclasses.replace(strict, lock=True, enforce_admins=True)]


@pytest.mark.parametrize("approvals", [0, 6])
def test_what_keeps_merges_out_of_the_control_repository_is_told_each_time(approvals: int) -> None:
    host, told = Host(), list[str]()
    theirs = Demands(("never-reports",), code_owners=True, signatures=True)
    host.rules[CONTROL] = [
        dataclasses.replace(rule, approvals=max(rule.approvals, approvals), demands=theirs)
        if rule.pattern == "main"
        else rule
        for rule in host.rules[CONTROL]
    ]
    host.rules[CORE] = [dataclasses.replace(rule, demands=theirs) for rule in host.rules[CORE]]
    more = "6 approvals, " if approvals else ""
    waits = (
        f"asks for {more}check never-reports, code owners' reviews, signed commits: declared nowhere, so merges may "
    )
    waits += "wait for it"
    target = f"branch protected {CONTROL} main"
    assert lock(host, told=told.append)[target] == (Outcome.DONE, f"reviewed merges by sic-lead, sre-oncall; {waits}")
    assert lock(host, told=told.append)[target] == (Outcome.ALREADY, f"in force; {waits}")
    assert [t for t in told if "nowhere" in t and not t.startswith("done")] == [f"warning: {CONTROL} main: {waits}"] * 2


@pytest.mark.parametrize("deaf", [set(), {"write_branch_rule"}])
@pytest.mark.parametrize("pattern", ["incident/evil", "*/*", "inc*/e?", "**/*"])
def test_no_weaker_rule_comes_before_that_of_branches_to_review(pattern: str, deaf: set[str]) -> None:
    host = Host(deaf=deaf)
    host.rules[CONTROL].append(BranchRule(pattern, False, False, 3, True, None, False, id="theirs"))
    host.rules[CONTROL].append(BranchRule("release/*", False, False, 0, False, None, False, id="theirs too"))
    outcome, detail = lock(host)[f"other rules as strict {CONTROL} {INCIDENT_BRANCHES}"]
    assert (outcome is Outcome.FAILED) is bool(deaf)
    assert pattern in detail
    assert "release" not in detail
    if not deaf:
        held = next(rule for rule in host.rules[CONTROL] if rule.pattern == pattern)
        assert (held.enforce_admins, held.approvals, held.pushers) == (True, 3, ("sic-lead", "sre-oncall"))


@pytest.mark.parametrize("deaf", [set(), {"write_branch_rule"}])
def test_nobody_is_let_around_a_rule(deaf: set[str]) -> None:
    host = Host(deaf=deaf)
    way = "pushes without a pull request by dana-dev"
    host.rules[CONTROL] = [dataclasses.replace(rule, around=(way,)) for rule in host.rules[CONTROL]]
    effects = lock(host)
    for pattern in ("main", INCIDENT_BRANCHES):
        outcome, detail = effects[f"branch protected {CONTROL} {pattern}"]
        assert (outcome is Outcome.FAILED) is bool(deaf)
        assert ("not in force" in detail and "around" in detail) if deaf else (f"it let by: {way}" in detail)


@pytest.mark.parametrize(
    ("method", "effect", "words"),
    [
        ("write_branch_rule", f"branch protected {CORE} main", "not in force: lock, enforce_admins"),
        ("write_ruleset", f"branches locked {CORE}", "read back differs"),
        ("write_ruleset", f"tags locked {CORE}", "read back differs"),
        ("enable_actions", f"Actions off {CORE}", "still on"),
        ("set_organization_actions", "Actions off everywhere the organization", "enabled for: all"),
        ("delete_deploy_key", f"deploy keys removed {CORE}", "still there: deploy host"),
    ],
)
def test_an_answer_is_not_taken_for_the_setting(method: str, effect: str, words: str) -> None:
    outcome, detail = lock(Host(deaf={method}))[effect]
    assert outcome is Outcome.FAILED
    assert words in detail


def test_a_run_that_does_not_end_is_cancelled_by_force() -> None:
    host = Host(stubborn=True)
    assert failed(lock(host)) == set()
    assert f"cancel_run {CORE} 1 True" in host.written


def test_a_run_that_never_ends_is_named() -> None:
    start = time.monotonic()
    effects = lock(Host(immortal=True))
    assert failed(effects) == {f"workflow runs ended {CORE}", f"workflow runs ended {CONNECTORS}"}
    assert "1, 2" in effects[f"workflow runs ended {CORE}"][1]
    assert time.monotonic() - start < 5


def test_a_run_that_github_cannot_cancel_keeps_no_other_alive() -> None:
    """The oldest comes first, and GitHub keeps some as queued for weeks."""

    class Zombie(Host):
        def cancel_run(self, repository: str, run: int, force: bool = False) -> None:
            if (repository, run) == (CORE, 1):
                raise Unreachable("github: POST cancel: 500")
            super().cancel_run(repository, run, force)

    effects = lock(Zombie())
    assert failed(effects) == {f"workflow runs ended {CORE}"}
    said = effects[f"workflow runs ended {CORE}"][1]
    assert "still not ended: 1 (github: POST cancel: 500); where" in said
    assert f"rotate confirm {INCIDENT.id} 'workflow run {CORE}/1' --by NAME" in said
    meant = dataclasses.replace(INCIDENT, meant=(f"workflow run {CORE}/1",))
    assert failed(lock(Zombie(), meant)) == set()


def test_a_rule_that_the_stack_never_made_is_made() -> None:
    host = Host(absent=(CORE,))
    effects = lock(host)
    for what in (f"branch protected {CORE} main", f"branches locked {CORE}", f"tags locked {CORE}"):
        assert effects[what][1].endswith(
            "first delete it on GitHub, then run `pulumi up --refresh --config incident=keep`"
        )
    assert [rule.lock for rule in host.rules[CORE]] == [True]
    assert failed(effects) == set()


def test_a_host_that_is_down_fails_every_effect_by_name() -> None:
    effects = lock(Unreachable("github: down"))
    assert failed(effects) == effects.keys()
    for repository in ESTATE.repositories:
        assert any(repository.name in name for name in effects)


def test_another_repository_by_the_name_is_locked_and_not_contained() -> None:
    host = Host()
    host.ids |= {CORE: 7, f"{CORE}-2": IDS[CORE]}
    effects = lock(host)
    assert failed(effects) == {f"repository is the same {CORE}"}
    said = effects[f"repository is the same {CORE}"][1]
    assert "another repository (id 7)" in said
    assert f"it is {CORE}-2 now" in said
    assert [rule.lock for rule in host.rules[CORE]] == [True]


def test_one_that_is_gone_altogether_is_named() -> None:
    host = Host()
    del host.ids[CORE]
    assert "gone from the organization" in lock(host)[f"repository is the same {CORE}"][1]


def test_one_that_no_apply_has_seen_is_not_compared() -> None:
    effects = lock(Host(), kept={CONTROL: IDS[CONTROL]})
    assert [name for name in effects if name.startswith("repository is")] == [f"repository is the same {CONTROL}"]
