"""What the last apply saw and no declaration says: another key, another claim, one more are named, and a guard that is
gone."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from containment.effects import strangers
from containment.incidents.incident import Incident, Scope, State
from containment.ports import DeployKey, Seen
from containment.report import Outcome
from containment.undeclared import seen
from policies.errors import Unreachable
from policies.load import load

REPOSITORY = replace(next(r for r in load().repositories if r.deploy_keys), name="some", deploy_keys=("deploy",))
KEY = DeployKey(7, "deploy", True, "2026-01-01T00:00:00Z")
HELD: dict[str, dict[str, Any]] = {
    seen.JWT_CONFIG: {"jwt_validation_pubkeys": ["one"], "jwks_url": ""},
    **{path: {"bound_claims": {"job": "x"}, "token_policies": [name]} for path, name in seen.OWN_LOGINS.items()},
}
DEPLOY = "deploy key some: deploy"
OPEN = ("repository some", "environment some/apply", "organization actions")


class Server:
    def __init__(self, held: dict[str, dict[str, Any]], keys: list[DeployKey]) -> None:
        self.held, self.on_github = held, keys
        self.environment: dict[str, Any] = {"deployment_branch_policy": {"protected_branches": True}}
        self.organization: dict[str, Any] = {"allowed_actions": "local_only"}

    def read(self, path: str) -> dict[str, Any] | None:
        return self.held.get(path)

    def keys(self, path: str) -> list[str]:
        return list(self.held.get(path, ()))

    def deploy_keys(self, _: str) -> list[DeployKey]:
        return self.on_github

    def openness(self, _: str) -> dict[str, Any]:
        return {"private": True, "visibility": "private"}

    def environments(self, _: str) -> dict[str, dict[str, Any]]:
        return {"apply": dict(self.environment)}

    def organization_rules(self) -> dict[str, Any]:
        return dict(self.organization)


def _look(server: Any, before: Seen | None) -> tuple[Seen, list[str]]:
    said: list[str] = []
    return seen.look(server, lambda: server, [REPOSITORY], before, said.append), said


BEFORE, _ = _look(Server(HELD, [KEY]), None)


def test_no_value_is_kept() -> None:
    assert set(BEFORE) == {*HELD, DEPLOY, *OPEN}
    assert "one" not in str(BEFORE)
    assert all(len(digest) == 64 for values in BEFORE.values() for digest in values.values())


@pytest.mark.parametrize(
    ("held", "keys", "named"),
    [
        ({}, [KEY], []),
        ({seen.JWT_CONFIG: {"jwt_validation_pubkeys": ["one", "two"]}}, [KEY], ["jwt_validation_pubkeys"]),
        ({seen.JWT_CONFIG: {"jwks_url": "https://x"}}, [KEY], ["jwks_url, jwt_validation_pubkeys"]),
        ({min(seen.OWN_LOGINS): {"token_policies": ["portcullis-approver"]}}, [KEY], ["bound_claims"]),
        ({}, [replace(KEY, id=8)], ["key"]),
        ({}, [replace(KEY, id=8, read_only=False)], ["key, may"]),
        ({}, [], []),
        ({}, [KEY, replace(KEY, id=9, title="elsewhere named")], []),
    ],
)
def test_what_is_not_as_it_was(held: dict[str, dict[str, Any]], keys: list[DeployKey], named: list[str]) -> None:
    found, said = _look(Server({**HELD, **held}, keys), BEFORE)
    lines = seen.differing(found, BEFORE)
    assert [line.partition("saw it: ")[2].removesuffix(")") for line in lines] == named
    assert len(said) == len(lines)
    assert seen.differing(found, found) == []


def test_what_no_apply_has_seen_is_named() -> None:
    without = {what: values for what, values in BEFORE.items() if what != DEPLOY}
    assert seen.differing(BEFORE, without) == [f"{DEPLOY} (no apply has seen it)"]


def test_who_may_see_a_repository_and_what_may_run_there_is_seen() -> None:
    server = Server(HELD, [KEY])
    server.environment = {"deployment_branch_policy": None}
    server.organization = {"allowed_actions": "all"}
    found, _ = _look(server, BEFORE)
    assert seen.differing(found, BEFORE) == [
        "environment some/apply (not as the last apply saw it: deployment_branch_policy)",
        "organization actions (not as the last apply saw it: allowed_actions)",
    ]


def _reviewers(*ids: int, **of: Any) -> dict[str, Any]:
    asked = [{"type": "User", "reviewer": {"id": i, "login": f"u{i}", "avatar_url": str(of)}} for i in ids]
    return {"id": 1, "node_id": "x", "type": "required_reviewers", "reviewers": asked, **of}


WAIT = {"id": 2, "type": "wait_timer", "wait_timer": 30}


@pytest.mark.parametrize(
    ("rules", "same"),
    [
        ([_reviewers(1, 2, prevent_self_review=True), WAIT], True),
        ([{**WAIT, "id": 9}, _reviewers(2, 1, prevent_self_review=True, url="moved")], True),
        ([_reviewers(1, 2, 3, prevent_self_review=True), WAIT], False),
        ([_reviewers(1, prevent_self_review=True), WAIT], False),
        ([_reviewers(1, 2, prevent_self_review=False), WAIT], False),
        ([_reviewers(1, 2, prevent_self_review=True), {**WAIT, "wait_timer": 0}], False),
        ([_reviewers(1, 2, prevent_self_review=True)], False),
        ([], False),
        (None, False),
    ],
)
def test_of_an_environments_rules_what_decides_is_compared(rules: list[dict[str, Any]] | None, same: bool) -> None:
    server = Server(HELD, [KEY])
    server.environment = {"protection_rules": [_reviewers(1, 2, prevent_self_review=True), WAIT]}
    before, _ = _look(server, None)
    server.environment = {"protection_rules": rules}
    found, said = _look(server, before)
    named = [] if same else ["environment some/apply (not as the last apply saw it: protection_rules)"]
    assert (seen.differing(found, before), len(said)) == (named, len(named))


CUSTOM = {"deployment_branch_policy": {"custom_branch_policies": True}, "branch_policies": ["branch main"]}


@pytest.mark.parametrize(
    ("before", "now", "named"),
    [
        (CUSTOM, {**CUSTOM, "branch_policies": ["branch *", "branch main"]}, "branch_policies"),
        (CUSTOM, {**CUSTOM, "branch_policies": []}, "branch_policies"),
        ({"can_admins_bypass": False}, {"can_admins_bypass": True}, "can_admins_bypass"),
        ({"can_admins_bypass": False}, {"can_admins_bypass": None}, "can_admins_bypass"),
        ({"can_admins_bypass": True}, {"can_admins_bypass": None}, ""),
        (CUSTOM, CUSTOM, ""),
    ],
)
def test_who_passes_an_environments_rules_and_from_which_branch(
    before: dict[str, Any], now: dict[str, Any], named: str
) -> None:
    server = Server(HELD, [KEY])
    server.environment = before
    known, _ = _look(server, None)
    server.environment = now
    wanted = [f"environment some/apply (not as the last apply saw it: {named})"] if named else []
    assert seen.differing(_look(server, known)[0], known) == wanted


def test_an_environment_that_a_workflow_made_by_naming_it_is_not_named() -> None:
    without = {what: values for what, values in BEFORE.items() if not what.startswith("environment ")}
    found, said = _look(Server(HELD, [KEY]), without)
    assert (seen.differing(found, without), said) == ([], [])
    assert found == BEFORE, "the next apply knows it"


GONE = "environment some/apply (is gone: a job that names it makes it anew, with nothing that guards it)"


def test_an_environment_that_is_gone_is_named() -> None:
    class Without(Server):
        def environments(self, _: str) -> dict[str, dict[str, Any]]:
            return {}

    found, said = _look(Without(HELD, [KEY]), BEFORE)
    assert "environment some/apply" not in found
    (line,) = said
    assert line.startswith(f"{GONE}: if nobody meant it")
    here, elsewhere = ([replace(REPOSITORY, name=name)] for name in ("some", "other"))
    assert seen.vanished(found, BEFORE, seen.environments_of([*here, *elsewhere])) == [GONE]
    assert seen.vanished(found, BEFORE, seen.environments_of(elsewhere)) == [], "of that nothing is known here"
    unguarded = {**BEFORE, "environment some/apply": dict[str, str]()}
    assert seen.vanished(found, unguarded, seen.environments_of(here)) == [], "it guarded nothing"


FILE = {"type": "file", "local": False, "description": "", "options": {"file_path": "/log", "mode": "0600"}}
HTTP = {"type": "http", "options": {"uri": "https://a:first@log/?x", "headers": '{"Authorization": ["first"]}'}}


def _devices(**held: Any) -> tuple[Seen, list[str]]:
    return _look(Server({**HELD, "sys/audit": {f"{name}/": device for name, device in held.items()}}, [KEY]), BEFORE)


@pytest.mark.parametrize(
    ("device", "named"),
    [
        (FILE, []),
        ({**FILE, "description": "ours"}, []),
        ({**FILE, "local": True}, ["local"]),
        ({**FILE, "options": {**FILE["options"], "log_raw": "true"}}, ["log_raw"]),  # type: ignore[dict-item]
        ({**FILE, "options": {"file_path": "discard"}}, ["file_path, mode"]),
        ({**FILE, "type": "syslog"}, ["type"]),
    ],
)
def test_an_audit_device_is_as_it_was(device: dict[str, Any], named: list[str]) -> None:
    before, said = _devices(file=FILE)
    assert said == ["audit device file/ (no apply has seen it): " + said[0].partition("): ")[2]]
    found, _ = _devices(file=device)
    assert [line.partition("saw it: ")[2].removesuffix(")") for line in seen.differing(found, before)] == named


def test_an_audit_device_that_is_gone_is_named() -> None:
    before, _ = _devices(file=FILE, http=HTTP)
    found, said = _look(Server({**HELD, "sys/audit": {"file/": FILE}}, [KEY]), before)
    gone = "audit device http/ (is gone: nothing is written there any more of who did what)"
    assert seen.vanished(found, before, (seen.AUDIT,)) == [gone]
    assert [line.partition(": if nobody")[0] for line in said] == [gone]


def test_no_password_of_an_audit_device_is_even_digested() -> None:
    other = {"type": "http", "options": {"uri": "https://a:second@log/?x", "headers": "second"}}
    moved = {"type": "http", "options": {"uri": "https://a:first@elsewhere/?x", "headers": "first"}}
    before, _ = _devices(http=HTTP)
    assert _devices(http=other)[0] == before
    assert _devices(http=moved)[0] != before


def test_a_token_that_may_not_read_environments_leaves_the_rest_recorded() -> None:
    class Refused(Server):
        def environments(self, _: str) -> dict[str, dict[str, Any]]:
            raise Unreachable("github: 403 Resource not accessible by personal access token")

    found, said = _look(Refused(HELD, [replace(KEY, id=8)]), BEFORE)
    assert found["environment some/apply"] == BEFORE["environment some/apply"]
    assert found[DEPLOY] != BEFORE[DEPLOY]
    assert found["organization actions"] == BEFORE["organization actions"]
    record, key = said
    assert record.startswith("the record of each environment … stays that of the apply before: github: 403")
    assert key.startswith(f"{DEPLOY} (not as the last apply saw it: key)")


@pytest.mark.parametrize("told", [{}, {"sha_pinning_required": False}])
def test_what_github_leaves_out_while_no_action_runs_stays_on_the_record(told: dict[str, Any]) -> None:
    """As the last lift finds it, before Pulumi lets them run again."""
    server = Server(HELD, [KEY])
    server.organization = told
    found, said = _look(server, BEFORE)
    assert (found, said) == (BEFORE, [])
    assert seen.of_organization(cast(Any, server)) == {}
    assert "organization actions" not in _look(server, None)[0]


@pytest.mark.parametrize(
    ("told", "wrong"),
    [
        ({"allowed_actions": "local_only"}, ""),
        ({"allowed_actions": "local_only", "sha_pinning_required": True}, ""),
        ({"allowed_actions": "local_only", "sha_pinning_required": False}, "sha_pinning_required"),
        ({"allowed_actions": "all"}, "allowed_actions"),
    ],
)
def test_of_the_organization_what_was_told_is_compared(told: dict[str, Any], wrong: str) -> None:
    server = Server(HELD, [KEY])
    server.organization = {"allowed_actions": "local_only", "sha_pinning_required": True}
    before, _ = _look(server, None)
    server.organization = told
    found, said = _look(server, before)
    assert set(found["organization actions"]) == {"allowed_actions", "sha_pinning_required"}
    assert [wrong in line for line in said] == ([True] if wrong else [])
    assert len(seen.differing(seen.of_organization(cast(Any, server)), before)) == len(said)


def test_what_no_lock_down_looks_into_is_seen() -> None:
    methods = {f"{kind}/": {"type": kind} for kind in ("approle", "jwt", "token", "homegrown")}
    found, said = _look(Server({**HELD, "sys/auth": methods, "sys/namespaces": {"ops/": {}}}, [KEY]), BEFORE)
    assert set(found) - set(BEFORE) == {"namespace ops/", "auth/homegrown"}
    assert len(said) == 2
    again, said = _look(Server({**HELD, "sys/auth": methods, "sys/namespaces": {"ops/": {}}}, [KEY]), found)
    assert (again, said) == (found, [])


@pytest.mark.parametrize(
    ("known", "meant", "outcome"),
    [
        (("namespace ops/",), (), Outcome.ALREADY),
        ((), ("namespace ops/",), Outcome.ALREADY),
        ((), ("namespace other/",), Outcome.FAILED),
    ],
)
def test_a_namespace_that_the_last_apply_knew_of_or_that_somebody_means_is_a_warning(
    known: tuple[str, ...], meant: tuple[str, ...], outcome: Outcome
) -> None:
    heard: list[str] = []
    incident = Incident("I", Scope(everything=True), State.OPEN, opened_at=1, meant=meant)
    vault = SimpleNamespace(seen=lambda: {what: {} for what in known})
    run: Any = SimpleNamespace(
        systems=SimpleNamespace(vault=vault),
        progress=heard.append,
        incident=incident,
        affected=SimpleNamespace(open=(incident,)),
    )
    found, words = strangers._namespace(run, "ops/")
    assert found is outcome
    assert bool(heard) is (outcome is Outcome.ALREADY)
    assert ("portcullis rotate confirm I 'namespace ops/' --by NAME" in words) is (outcome is Outcome.FAILED)


def test_what_cannot_be_read_stays_as_it_was() -> None:
    class Refused(Server):
        def read(self, path: str) -> dict[str, Any] | None:
            raise Unreachable(f"vault: read {path}: Forbidden")

    found, said = _look(Refused({}, [KEY]), {**BEFORE, "audit device file/": {"type": "x"}})
    assert found == {**BEFORE, "audit device file/": {"type": "x"}}
    of_vault, of_audit = said
    assert of_vault.startswith("the record of each auth/ and namespace … stays that of the apply before: ")
    assert of_audit.startswith("the record of each audit device … stays that of the apply before: ")
    assert "\n" not in of_vault


@pytest.mark.parametrize(("what", "there"), [("workflow run core/12", True), ("workflow run core/1", False)])
def test_a_run_that_lives_is_one_that_a_person_may_speak_for(what: str, there: bool) -> None:
    host: Any = SimpleNamespace(live_runs=lambda repository: [12] if repository == "core" else [])
    assert seen.is_unlooked(what)
    assert seen.is_there(what, cast(Any, None), lambda: host) is there
