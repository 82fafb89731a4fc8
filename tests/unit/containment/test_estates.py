"""In an incident no declaration goes and no secret moves, nor by an apply that never came to its end."""

from __future__ import annotations

from dataclasses import replace

from containment import estates
from containment.compiled import gate
from containment.estates import unfinished, with_kept, with_part
from containment.incidents.incident import Incident, Scope, State
from containment.incidents.scope import affected
from policies import codec
from policies.load import load
from policies.model import Capability, Estate, Grant, IncidentAccess, KvSecret, RotationMethod, SecretAccessPolicy, Ttl

NAME = "exchange-trading-key"
ELSEWHERE = KvSecret("secret", "somewhere/else")


def _without(estate: Estate, name: str) -> Estate:
    return replace(estate, secrets=tuple(s for s in estate.secrets if s.name != name))


def test_the_same_declarations_stay_as_they_are() -> None:
    assert with_kept(load(), load()) == load()


def test_a_missing_declaration_is_kept() -> None:
    last = load()
    kept = with_kept(_without(last, NAME), last)
    assert {s.name for s in kept.secrets} == {s.name for s in last.secrets}
    assert len(kept.secrets) == len(last.secrets)


def test_a_new_declaration_is_in_it() -> None:
    estate = load()
    assert with_kept(estate, _without(estate, NAME)) == estate


def test_a_secret_stays_where_it_lies_and_takes_the_rest_from_the_declaration() -> None:
    last = load()
    old = next(s for s in last.secrets if s.name == NAME)
    moved = replace(old, secret=KvSecret("secret", "somewhere/else"), ttl=Ttl(60, 120))
    estate = replace(last, secrets=tuple(moved if s.name == NAME else s for s in last.secrets))
    found = next(s for s in with_kept(estate, last).secrets if s.name == NAME)
    assert found == replace(moved, secret=old.secret)
    assert estates.as_before(estate, last) == (f"secret:{NAME}",)


def test_what_is_in_force_as_before_is_named() -> None:
    last = load()
    fewer = replace(_without(last, NAME), workloads=last.workloads[1:], ci_roles=last.ci_roles[1:])
    gone = (f"secret:{NAME}", f"workload:{last.workloads[0].name}", f"ci:{last.ci_roles[0].name}")
    assert estates.as_before(fewer, last) == gone
    assert estates.as_before(last, last) == estates.as_before(last, fewer) == ()


def test_what_a_lock_down_denies_locks_and_disables_stays() -> None:
    last = load()
    deny = replace(last, secrets=tuple(replace(s, incident_access=IncidentAccess.DENY) for s in last.secrets))
    bare = replace(last, repositories=tuple(replace(r, actions_secrets=()) for r in last.repositories))
    control = replace(last, repositories=tuple(replace(r, control=True) for r in last.repositories))
    manual = (replace(s, rotation=RotationMethod.MANUAL, upstream=None) for s in last.secrets)
    assert any(r.actions_secrets for r in last.repositories), "a test that cannot fail"
    assert with_kept(bare, deny) == deny
    assert with_kept(deny, bare) == deny
    assert with_kept(control, last) == last
    kept = {s.name: s.key_issuer for s in with_kept(replace(last, secrets=tuple(manual)), last).secrets}
    assert kept == {s.name: s.key_issuer for s in last.secrets}


def _changed(estate: Estate, **more: object) -> Estate:
    secrets = (replace(s, **more) if s.name == NAME else s for s in estate.secrets)  # type: ignore[arg-type]
    return replace(estate, secrets=tuple(secrets))


def _named(estate: Estate) -> SecretAccessPolicy:
    return next(s for s in estate.secrets if s.name == NAME)


def test_what_an_unfinished_apply_took_away_is_there_and_what_it_added_too() -> None:
    done = load()
    assert unfinished(done, done) == done
    assert unfinished(done, _without(done, NAME)) == done
    assert {s.name for s in unfinished(_without(done, NAME), done).secrets} == {s.name for s in done.secrets}


def test_a_secret_that_was_being_moved_is_denied_in_both_places() -> None:
    done = load()
    both = unfinished(done, _changed(done, secret=ELSEWHERE))
    assert (_named(both).secret, _named(both).elsewhere) == (_named(done).secret, (ELSEWHERE,))
    assert codec.decode(codec.encode(both)) == both
    leaked = Incident("A", Scope(everything=False, leaked=(f"secret:{NAME}",)), State.OPEN, opened_at=10)
    for text in (gate.gate(affected(both, [leaked])), gate.quarantine(affected(both, [leaked]))):
        assert "secret/data/somewhere/else" in text
        assert "secret/data/trading/exchange" in text
    assert with_kept(done, both) == both
    assert unfinished(both, done) == both


def test_a_class_that_is_denied_is_so_in_both_places() -> None:
    done = _changed(load(), incident_access=IncidentAccess.DENY)
    everything = Incident("A", Scope(everything=True), State.OPEN, opened_at=10)
    assert "somewhere/else" in gate.gate(affected(unfinished(done, _changed(done, secret=ELSEWHERE)), [everything]))


def test_what_was_being_moved_stays_in_both_places_when_it_is_begun_again() -> None:
    done = load()
    both = unfinished(done, _changed(done, secret=ELSEWHERE))
    assert unfinished(done, both) == both


def _own(estate: Estate, workload: str) -> str:
    identity = next(w for w in estate.workloads if w.name == workload)
    return gate.own_policy(identity, estate, affected(estate, []))


def test_what_was_being_granted_or_taken_is_given_to_nobody_and_may_be_held_by_both() -> None:
    done = load()
    more = _changed(done, grants=(*_named(done).grants, Grant("settlement", (Capability.READ,))))
    for both in (unfinished(done, more), unfinished(more, done)):
        assert _named(both).grants == _named(done).grants
        assert "settlement" in _named(both).holders
        assert "trading/exchange" not in _own(both, "settlement")
        leaked = Incident("A", Scope(everything=False, leaked=(f"secret:{NAME}",)), State.OPEN, opened_at=10)
        assert "settlement" in {w.name for w in affected(both, [leaked]).narrowed}


def test_who_is_granted_it_where_it_will_lie_is_not_where_it_lies() -> None:
    last = load()
    moved = _changed(last, secret=ELSEWHERE, grants=(Grant("settlement", (Capability.READ,)),))
    kept = with_kept(moved, last)
    assert "trading/exchange" not in _own(kept, "settlement")
    assert _named(kept).grants == ()


def test_whatever_denies_more_is_in_force_until_it_is_known() -> None:
    done = load()
    deny = _changed(done, incident_access=IncidentAccess.DENY)
    assert _named(unfinished(done, deny)).incident_access is IncidentAccess.DENY
    bare = replace(done, repositories=tuple(replace(r, actions_secrets=()) for r in done.repositories))
    assert unfinished(bare, done).repositories == done.repositories


def test_a_path_that_is_denied_is_granted_under_no_other_name() -> None:
    done = load()
    twice = replace(done, secrets=(*done.secrets, replace(_named(done), name="called-otherwise")))
    leaked = Incident("A", Scope(everything=False, leaked=("secret:called-otherwise",)), State.OPEN, opened_at=10)
    identity = next(w for w in twice.workloads if w.name == _named(done).grants[0].workload)
    assert "trading/exchange" not in gate.own_policy(identity, twice, affected(twice, [leaked]))


def test_a_stack_of_one_environment_says_nothing_of_the_others() -> None:
    done, new = load(), _changed(load(), secret=ELSEWHERE)
    assert with_part(done, new, "staging") == done
    assert with_part(done, new, "production") == new
    assert {w.environment for w in with_part(None, new, "staging").workloads} == {"staging"}
    assert with_part(with_part(None, new, "staging"), new, "production") == new
