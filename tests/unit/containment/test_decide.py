"""What is asked and what is in force decide what will be: pure, so every case is tried."""

from __future__ import annotations

from dataclasses import replace

import pytest

from containment.compiled import gate
from containment.errors import UnknownScope
from containment.incidents.decide import Asked, decide, may_be_left_over
from containment.incidents.incident import Incident, Mode, Proof, Scope, State
from containment.incidents.proofs import lacking, lift_input, required
from containment.incidents.scope import affected, parse_scope
from policies.errors import InputError
from policies.load import load

ALL = Scope(everything=True)
ONE = Scope(everything=False, leaked=("secret:exchange-trading-key",))
OPEN = Incident("A", ONE, State.OPEN, opened_at=10)
LIFTED = replace(OPEN, id="L", state=State.LIFTED)


def test_keep_in_peace_does_nothing() -> None:
    assert decide(Asked(Mode.KEEP, "", ""), [LIFTED], ALL, 20).current is None


def test_keep_under_an_incident_keeps_it() -> None:
    assert decide(Asked(Mode.KEEP, "", ""), [OPEN], ALL, 20).in_force == (OPEN,)


def test_lock_opens_a_named_incident_and_joins_it_the_second_time() -> None:
    first = decide(Asked(Mode.LOCK, "N", ""), [], ALL, 20)
    assert first.current == Incident("N", ALL, State.OPEN, opened_at=20)
    assert decide(Asked(Mode.LOCK, "N", ""), first.in_force, ALL, 30).in_force == first.in_force
    assert decide(Asked(Mode.LOCK, "", ""), first.in_force, ALL, 30).current == first.current


def test_a_second_incident_is_a_union() -> None:
    assert len(decide(Asked(Mode.LOCK, "B", ""), [OPEN], ALL, 20).in_force) == 2


def test_a_new_incident_says_that_what_was_swept_is_swept_with_it() -> None:
    swept = replace(OPEN, revoked_before=15)
    other = Scope(everything=False, leaked=("secret:partner-api-key",))
    told = decide(Asked(Mode.LOCK, "B", "partner-api-key"), [swept], other, 20).together
    assert told.startswith("incident A holds the rest, and is swept once more together with B: tokens, ")
    done = replace(OPEN, id="B", scope=other, revoked_before=20)
    for settled in ([OPEN], [swept, done], [replace(swept, state=State.LIFTED), replace(done, revoked_before=0)]):
        assert decide(Asked(Mode.KEEP, "", ""), settled, ALL, 30).together == ""


def test_an_open_incident_does_not_change_its_scope() -> None:
    other = Scope(everything=False, leaked=("secret:partner-api-key",))
    with pytest.raises(InputError, match=r"another scope, secret:exchange-trading-key,.*incidentScope= ") as refused:
        decide(Asked(Mode.LOCK, "A", "partner-api-key"), [OPEN], other, 20)
    assert "portcullis contain --incident-id A" in str(refused.value)
    assert "incidentId=A-2 --config incidentScope=secret:partner-api-key (or" in str(refused.value)
    decision = decide(Asked(Mode.LOCK, "A-2", "partner-api-key"), [OPEN], other, 20)
    assert len(decision.in_force) == 2, "the remedy does not work"


def test_whoever_asks_for_everything_once_more_is_told_what_is_left_alone() -> None:
    """Everybody has logged in again since: no run ends that unasked."""
    swept = replace(OPEN, scope=ALL, denied_at=12, revoked_before=15)
    told = decide(Asked(Mode.LOCK, "", ""), [swept], ALL, 20).spared
    assert "was issued since 1970-01-01T00:00:15Z is left alone" in told
    assert told.endswith("portcullis contain --incident-id A-2 --scope everything)")
    again = decide(Asked(Mode.LOCK, "A-2", "everything"), [swept], ALL, 20)
    assert [i.id for i in again.in_force] == ["A", "A-2"], "the remedy does not work"
    for current in (replace(swept, revoked_before=0), replace(swept, scope=ONE)):
        assert decide(Asked(Mode.LOCK, "", current.scope.text), [current], current.scope, 20).spared == ""


def test_an_open_incidents_id_without_a_scope_is_that_incident_again() -> None:
    other = replace(OPEN, id="B", scope=ALL)
    for known in ([OPEN], [other, OPEN]):
        decision = decide(Asked(Mode.LOCK, "A", ""), known, ALL, 20)
        assert decision.current == OPEN
        assert decision.in_force == tuple(known)
    assert decide(Asked(Mode.LOCK, "", ""), [OPEN], ALL, 20).current != OPEN, "no id and no scope is everything"


def test_one_that_the_stack_file_may_have_named_says_how_everything_is_locked_down() -> None:
    asked = Asked(Mode.LOCK, "A", "exchange-trading-key", file=FILE)
    told = "A is open and runs again, its scope alone; if you mean everything: pulumi up --config incident=true"
    assert decide(asked, [OPEN], ONE, 20).warning.startswith(told)
    assert decide(asked, [replace(OPEN, scope=ALL)], ALL, 20).warning == ""
    assert decide(replace(asked, file=""), [OPEN], ONE, 20).warning == ""


def test_what_is_in_scope_is_said() -> None:
    lines = ("incident N: in scope: everything", "incident A: in scope: secret:exchange-trading-key")
    assert decide(Asked(Mode.LOCK, "N", ""), [OPEN, LIFTED], ALL, 20).scopes == lines
    assert decide(Asked(Mode.KEEP, "", ""), [LIFTED], ALL, 20).scopes == ()


def test_a_new_incident_with_the_scope_of_a_lifted_one_warns_and_is_not_blocked() -> None:
    asked = Asked(Mode.LOCK, "N", "exchange-trading-key", file="Pulumi.local.yaml")
    decision = decide(asked, [LIFTED], ONE, 20)
    assert decide(replace(asked, file=""), [LIFTED], ONE, 20).warning == "", "there is no file in which it was left"
    assert decision.current == Incident("N", ONE, State.OPEN, opened_at=20)
    assert "incidentScope is what L had, which is lifted" in decision.warning
    remedy = Asked(Mode.LOCK, "", "")
    everything = decide(remedy, decision.known, ALL, 30).current
    assert "incident=true --config incidentId= --config incidentScope=" in decision.warning
    assert everything is not None
    assert everything.scope == ALL, "the remedy does not work"


@pytest.mark.parametrize(
    ("known", "scope"),
    [
        ([], ONE),
        ([OPEN], ONE),
        ([LIFTED], Scope(everything=False, leaked=(*ONE.leaked, "workload:risk-engine"))),
        ([replace(LIFTED, scope=ALL)], ALL),
        ([LIFTED, replace(OPEN, id="N")], ONE),
    ],
    ids=["the first", "open beside it", "another scope", "everything", "run again"],
)
def test_no_other_scope_warns(known: list[Incident], scope: Scope) -> None:
    assert decide(Asked(Mode.LOCK, "N", "exchange-trading-key"), known, scope, 20).warning == ""


def test_a_scope_left_over_from_a_lifted_incident_does_not_narrow_a_new_one() -> None:
    """Nor is it left out: whoever typed it knows that it leaked."""
    asked, both = Asked(Mode.LOCK, "L", "exchange-trading-key"), replace(ONE, everything=True)
    assert may_be_left_over(asked, [LIFTED])
    decision = decide(asked, [LIFTED], both, 20)
    assert decision.current is not None
    assert decision.current.id not in ("L", "")
    assert decision.current.scope == both
    assert f"beside incidentId L, which is lifted. So everything is locked down, as {decision.current.id}, with " in (
        decision.warning
    )
    assert f"portcullis rotate run {decision.current.id}, pulumi up --config incident=false" in decision.warning
    again = decide(asked, decision.known, both, 30)
    assert (again.known, again.warning) == (decision.known, decision.warning), "the same question joins it"


def test_another_lifted_incidents_scope_beside_a_lifted_id_is_left_over_too() -> None:
    """Each lift writes an id into the stack file and leaves the scope there."""
    other = replace(LIFTED, id="M", scope=Scope(everything=False, leaked=("workload:kraken-ingest",)))
    assert may_be_left_over(Asked(Mode.LOCK, "L", "workload:kraken-ingest"), [LIFTED, other])
    assert may_be_left_over(Asked(Mode.LOCK, "L", "kraken-ingest"), [other, LIFTED])
    assert not may_be_left_over(Asked(Mode.LOCK, "N", "kraken-ingest"), [other, LIFTED])


@pytest.mark.parametrize("text", ["order-router-fix", "exchange-trading-key,order-router-fix"])
def test_another_scope_beside_a_lifted_id_was_named_now(text: str) -> None:
    asked = Asked(Mode.LOCK, "L", text)
    assert not may_be_left_over(asked, [LIFTED])
    scope = parse_scope(text, load())
    assert {name.partition(":")[2] for name in scope.leaked} == set(text.split(","))
    decision = decide(asked, [LIFTED], scope, 20)
    assert decision.current is not None
    assert (decision.current.scope, decision.current.id.startswith("INC-")) == (scope, True)
    assert decision.warning.startswith(
        f"incident L is lifted: this is a new one, {decision.current.id}, with the scope"
    )
    again = decide(asked, decision.known, scope, 30)
    assert again.known == decision.known, "the same question joins it"
    assert again.warning == f"incident L is lifted: this goes on with {decision.current.id}, with the scope named"
    of_file = decide(replace(asked, file=FILE), decision.known, scope, 30).warning
    assert of_file.startswith(f"{again.warning}; if you mean everything: pulumi up --config incident=true")


def test_everything_beside_names_is_nothing_left_over() -> None:
    asked = Asked(Mode.LOCK, "", "everything,exchange-trading-key", file=FILE)
    assert decide(asked, [replace(LIFTED, id="M")], replace(ONE, everything=True), 20).warning == ""


FILE = "Pulumi.prod.yaml"


@pytest.mark.parametrize(
    ("incident_id", "text", "words"),
    [
        ("", "", "and names nothing; L was lifted meanwhile."),
        ("L", "", "beside incidentId L, which is lifted."),
        ("L", "  ", "beside incidentId L, which is lifted."),
    ],
    ids=["no id", "a lifted id", "a scope of blanks"],
)
def test_a_stack_file_that_may_ask_unmeant_locks_down_everything_and_says_how_to_undo_it(
    incident_id: str, text: str, words: str
) -> None:
    asked = Asked(Mode.LOCK, incident_id, text, file=FILE)
    assert may_be_left_over(asked, [LIFTED]) is bool(incident_id)
    decision = decide(asked, [LIFTED], ALL, 20)
    assert decision.current is not None
    assert decision.current.scope == ALL
    assert f"{FILE} says incident: true {words} So everything is locked down" in decision.warning
    assert "pulumi config set incident keep; and lift it: " in decision.warning
    assert f"incident=false --config incidentId={decision.current.id}" in decision.warning
    lift = decide(Asked(Mode.LIFT, decision.current.id, ""), decision.known, ALL, 30)
    assert lift.lifting == decision.current, "the remedy does not work"


@pytest.mark.parametrize(
    ("known", "asked"),
    [
        ([], Asked(Mode.LOCK, "", "", file=FILE)),
        ([replace(OPEN, scope=ALL)], Asked(Mode.LOCK, "", "", file=FILE)),
        ([LIFTED], Asked(Mode.LOCK, "N", "", file=FILE)),
        ([LIFTED], Asked(Mode.LOCK, "", "")),
    ],
    ids=["the first lock-down", "run again", "a new id", "typed: portcullis contain"],
)
def test_no_other_lock_down_of_everything_warns(known: list[Incident], asked: Asked) -> None:
    assert decide(asked, known, ALL, 20).warning == ""


@pytest.mark.parametrize("name", ["", "nobody"])
def test_a_lift_names_an_incident(name: str) -> None:
    with pytest.raises(InputError, match="open: A; to go on without lifting: pulumi up --config incident=keep"):
        decide(Asked(Mode.LIFT, name, ""), [OPEN], ALL, 20)


def test_a_lift_left_in_a_stack_file_lifts_nothing_later() -> None:
    decision = decide(Asked(Mode.LIFT, "L", ""), [LIFTED, OPEN], ALL, 20)
    assert decision.lifting is None
    assert decision.in_force == (OPEN,)


def test_a_lift_removes_its_part_only() -> None:
    other = replace(OPEN, id="B")
    decision = decide(Asked(Mode.LIFT, "A", ""), [OPEN, other], ALL, 20)
    assert decision.lifting == OPEN
    assert decision.in_force == (other,)


def test_scope_names_every_offender() -> None:
    with pytest.raises(UnknownScope, match=r"'nope'.*'workload:exchange-trading-key'"):
        parse_scope("nope, exchange-trading-key, workload:exchange-trading-key", load())


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("exchange-tradin-key", "secret:exchange-trading-key"),
        ("workload:risk-limits-token", "secret:risk-limits-token"),
        ("secret:ccid", "ci:cicd"),
    ],
)
def test_scope_names_what_may_have_been_meant(text: str, meant: str) -> None:
    with pytest.raises(UnknownScope, match=rf"'{text}' is declared nowhere \(there is [^)]*{meant}"):
        parse_scope(text, load())
    with pytest.raises(UnknownScope, match="'zzz' is declared nowhere; nothing was changed"):
        parse_scope("zzz", load())


@pytest.mark.parametrize("text", [", ,", ",", " ", "\t"])
def test_a_scope_that_names_nothing_is_not_everything(text: str) -> None:
    with pytest.raises(UnknownScope, match=r"names nothing.*nothing was changed"):
        parse_scope(text, load())
    assert parse_scope("", load()) == ALL


def test_gate_denies_every_path_of_a_leaked_secret_until_it_is_replaced() -> None:
    estate = load()
    text = gate.gate(affected(estate, [OPEN]))
    for sub in ("data", "metadata", "subkeys", "delete", "undelete", "destroy"):
        assert f'"secret/{sub}/trading/exchange": {{"capabilities": ["deny"]}}' in text
    assert gate.gate(affected(estate, [replace(OPEN, opened=("secret:exchange-trading-key",))])) == gate.open_policy()


def test_what_leaked_again_in_another_incident_is_denied_until_that_one_has_replaced_it() -> None:
    both = replace(ONE, leaked=(*ONE.leaked, "workload:risk-engine"))
    first, second = (Incident(name, both, State.OPEN, opened_at=10) for name in "AB")
    impact = affected(load(), [replace(first, opened=both.leaked), second])
    assert [s.name for s in impact.denied] == ["exchange-trading-key"]
    assert [w.name for w in impact.unreplaced_workloads] == ["risk-engine"]


def test_everything_denies_only_what_declares_it_and_quarantines_all() -> None:
    estate = load()
    everything = affected(estate, [replace(OPEN, scope=ALL)])
    assert "risk/limits" in gate.gate(everything)
    assert "trading/exchange" not in gate.gate(everything)
    assert gate.quarantine(everything).count("secret/data/") == 7 + 1  # seven of production, one of staging


def test_ci_is_off_in_every_incident() -> None:
    estate = load()
    assert affected(estate, [OPEN]).ci_roles == estate.ci_roles
    assert affected(estate, []).ci_roles == ()


@pytest.mark.parametrize("leaked", ["workload:treasury-report", "ci:cicd"])
def test_the_database_roles_of_whoever_leaked_are_in_scope(leaked: str) -> None:
    estate = load()
    ci = tuple(replace(role, secrets=(*role.secrets, "treasury-readonly")) for role in estate.ci_roles)
    impact = affected(replace(estate, ci_roles=ci), [replace(OPEN, scope=Scope(everything=False, leaked=(leaked,)))])
    assert [s.name for s in impact.secrets] == ["treasury-readonly"]
    assert impact.leaked_secrets == ()


def test_what_a_lift_needs() -> None:
    assert required(OPEN, load()) == [
        "contained",
        "declared",
        "secret:exchange-trading-key/old-dead",
        "secret:exchange-trading-key/new-alive",
        "incident/recovery",
        "incident/audit-quiet",
    ]
    proven = OPEN.with_proof(Proof("secret:exchange-trading-key", "old-dead", 30, ok=True))
    proven = proven.with_proof(Proof("secret:exchange-trading-key", "old-dead", 40, ok=False))
    assert [p["ok"] for p in lift_input(proven, (proven,), load(), "A", 50, contained=True)["proofs"]] == [
        False,
        True,
        False,
    ]
    assert Incident.from_json(proven.to_json()) == proven


def test_what_was_never_proven_is_told_apart_from_what_does_not_count_any_more() -> None:
    quiet = "incident/audit-quiet"
    estate, alive = load(), "secret:exchange-trading-key/new-alive"

    def said(incident: Incident, reason: str = quiet, *others: Incident) -> str:
        return lacking(incident, reason, (incident, *others), estate)

    assert said(OPEN) == quiet
    assert said(OPEN, "a list of what must be proven") == "a list of what must be proven"
    failed = OPEN.with_proof(Proof("incident", "audit-quiet", 30, ok=False))
    why = "did not hold when it was last tried: `portcullis rotate status A` says why"
    assert said(failed) == f"{quiet}: {why}"
    stale = OPEN.with_proof(Proof("incident", "audit-quiet", 30, ok=True))
    again = "proven too long ago: run `portcullis rotate run A` right before the lift"
    assert said(stale) == f"{quiet}: {again}"
    overtaken = OPEN.with_proof(Proof("secret:exchange-trading-key", "new-alive", 30, ok=True))
    later = replace(OPEN, id="B", scope=Scope(everything=False, leaked=("secret:exchange-trading-key",)), denied_at=40)
    words = "from before B, where it leaked too, was denied"
    assert said(overtaken, alive, later) == f"{alive}: {words}: {again.removeprefix('proven too long ago: ')}"


@pytest.mark.parametrize("name", ["2026/12", "../x", "a b", ".", "-x", "a" * 65, "a.jsonl", "X.JSONL", "earlier-1"])
@pytest.mark.parametrize("mode", [Mode.LOCK, Mode.LIFT])
def test_an_id_that_could_name_another_record_is_refused(mode: Mode, name: str) -> None:
    with pytest.raises(InputError, match="not an incident id") as typed:
        decide(Asked(mode, name, ""), [], ALL, 20)
    assert "pulumi" not in str(typed.value)
    with pytest.raises(InputError, match=r"at most 64|ends in '\.jsonl'") as kept:
        decide(Asked(mode, name, "", file="Pulumi.local.yaml"), [], ALL, 20)
    assert str(kept.value) == f"{typed.value}; it stays in Pulumi.local.yaml until: pulumi config rm incidentId"


def test_one_that_is_left_over_blocks_nobody_who_asks_for_nothing() -> None:
    decision = decide(Asked(Mode.KEEP, "#4711", "", file="Pulumi.local.yaml"), [OPEN], ALL, 20)
    assert (decision.current, decision.known) == (OPEN, (OPEN,))
    assert decision.warning.startswith("incidentId is left over and not used: not an incident id: '#4711'; letters")
    assert decision.warning.endswith("; pulumi config rm incidentId")
    assert decide(Asked(Mode.KEEP, "A", "", file="Pulumi.local.yaml"), [OPEN], ALL, 20).warning == ""


def test_a_lift_of_what_is_lifted_says_so_while_another_is_open() -> None:
    left = replace(LIFTED, lifted_at=86400)
    decision = decide(Asked(Mode.LIFT, "L", ""), [left, OPEN], ALL, 20)
    assert decision.in_force == (OPEN,)
    assert decision.lifting is None
    assert decision.warning == "incident L was lifted already, 1970-01-02T00:00:00Z: nothing is lifted; open: A"
    assert decide(Asked(Mode.LIFT, "L", ""), [left], ALL, 20).warning == "", "in peace it is a stack file's question"
