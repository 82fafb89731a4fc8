"""The words for old keys are what was seen: no count of nothing on a second run."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from containment.incidents import proofs
from containment.incidents.incident import Disabled, Incident, Made, Proof, Scope, State
from containment.incidents.replacements import reference
from containment.ports import UpstreamKey, Version
from policies.load import load
from rotation.plan import plan
from rotation.steps.exchange_key import steps
from rotation.work import NotProven, Work, perform

NAME = "exchange-trading-key"
ITEM = f"secret:{NAME}"
MADE = Made(ITEM, reference("new"), 3)
OPEN = Incident("INC-1", Scope(False, (ITEM,)), State.OPEN, opened_at=1, denied_at=2, made=(MADE,))
PROVEN = replace(OPEN, proofs=(Proof(ITEM, proofs.OLD_DEAD, 3, True, "gone"),))
NEW = {"api_key": "new", "api_secret": "n"}
OLD = UpstreamKey("old", NAME, "first", enabled=False, permissions=("read",))


def _try_old(
    values: list[dict[str, Any] | None],
    incident: Incident,
    live: tuple[str, ...] = ("new",),
    others: tuple[UpstreamKey, ...] = (OLD,),
) -> str:
    """`values`: what each version answers, the newest last; None is destroyed. `others`: keys of the account."""
    estate = load()
    vault: Any = SimpleNamespace(
        versions=lambda mount, _: [Version(n, 0, v is None) for n, v in enumerate(values, 1)] * (mount == "secret"),
        value=lambda mount, _, version=0: values[version - 1] if mount == "secret" else None,
        incidents=lambda: (incident,),
    )
    upstream: Any = SimpleNamespace(
        keys=lambda _: [UpstreamKey("new", NAME, "INC-1", enabled=True, permissions=("read",)), *others],
        accepts=lambda key, _: key in live,
    )
    credential = plan(incident, estate).find(ITEM)
    refused = cast(Any, None)
    work = Work(vault, refused, refused, lambda _: upstream, refused, estate, "INC-1", credential, None, None)
    return next(s for s in steps(work) if s.name == "try-old").verify()


def test_old_keys_that_can_be_read_are_tried_and_counted() -> None:
    assert _try_old([None, {"api_key": "old", "api_secret": "o"}, NEW], OPEN).startswith("1 old keys refused by use")


def test_an_old_key_that_works_is_no_proof() -> None:
    with pytest.raises(NotProven, match="version 1 still works"):
        _try_old([{"api_key": "old", "api_secret": "o"}, NEW], PROVEN, live=("new", "old"))


@pytest.mark.parametrize(
    ("values", "incident", "words"),
    [
        (
            [None, None, NEW],
            PROVEN,
            "2 old versions can no longer be read; proven dead earlier",
        ),
        ([None, NEW], OPEN, "1 old versions can no longer be read, so no old key could be tried; each live key"),
        ([NEW], OPEN, "no earlier version is stored, so no old key could be tried"),
    ],
)
def test_no_old_key_is_counted_as_refused_where_none_was_tried(
    values: list[dict[str, str] | None], incident: Incident, words: str
) -> None:
    told = _try_old(values, incident)
    assert words in told
    assert "refused by use" not in told
    assert told.endswith("the new key is accepted")


def test_what_cannot_be_read_is_not_proven_dead_while_a_key_of_nobody_is_live() -> None:
    stranger = UpstreamKey("K9", "by hand", "", enabled=True, permissions=("trade",))
    with pytest.raises(NotProven, match="K9 of account tradepulse-prod at exchange is live with the name of no decl"):
        _try_old([None, NEW], OPEN, others=(stranger,))
    other = replace(stranger, tag="exchange-market-key")
    assert "no old key could be tried" in _try_old([None, NEW], OPEN, others=(replace(stranger, enabled=False), other))
    bogus = {"api_key": "made-up", "api_secret": "b"}
    cases: list[tuple[list[dict[str, Any] | None], Incident]] = [
        ([None, NEW], PROVEN),
        ([bogus, {"api_key": "old", "api_secret": "o"}, NEW], OPEN),
    ]
    for values, incident in cases:
        with pytest.raises(NotProven, match="K9 of account tradepulse-prod at exchange is live"):
            _try_old(values, incident, others=(OLD, stranger))


def test_nothing_is_proven_while_two_live_keys_have_the_tag_of_another_declaration() -> None:
    one = UpstreamKey("K1", "exchange-market-key", "", enabled=True, permissions=("read",))
    two = replace(one, id="K2")
    with pytest.raises(NotProven, match=r"2 keys of account .* with the tag exchange-market-key \(K1, K2\)"):
        _try_old([None, NEW], OPEN, others=(one, two))
    leaked_too = replace(OPEN, scope=Scope(False, (ITEM, "secret:exchange-market-key")))
    assert "no old key could be tried" in _try_old([None, NEW], leaked_too, others=(one, two))


def test_by_its_id_only_a_key_with_the_tag_of_nobody_is_disabled() -> None:
    estate, disabled = load(), list[str]()
    account = {
        "hand": replace(OLD, id="hand", tag="legacy", enabled=True),
        "theirs": replace(OLD, id="theirs", tag="exchange-market-key", enabled=True, permissions=("trade",)),
        "nobody": replace(OLD, id="nobody", tag="legacy", enabled=True),
    }
    values: list[Any] = [{"api_key": "hand", "secret": "x"}, {"api_key": ["nobody"]}, {"api_key": "theirs"}]
    vault: Any = SimpleNamespace(
        versions=lambda *_: [Version(n, 0, destroyed=False) for n in (1, 2, 3)],
        value=lambda mount, _, version=0: values[version - 1] if mount == "secret" else None,
        incidents=lambda: (OPEN,),
    )

    def disable(_: str, key: str) -> None:
        disabled.append(key)
        account[key] = replace(account[key], enabled=False)

    upstream: Any = SimpleNamespace(keys=lambda _: list(account.values()), disable_key=disable)
    credential, refused = plan(OPEN, estate).find(ITEM), cast(Any, None)
    work = Work(vault, refused, refused, lambda _: upstream, refused, estate, "INC-1", credential, None, None)
    told = perform(next(s for s in steps(work) if s.name == "disable-old"))
    assert told.holds
    assert disabled == ["hand"]
    assert told.detail == (
        "1 old keys, each disabled at exchange; version 3 names theirs with the tag exchange-market-key, which is left "
        "alone: find out who wrote that"
    )


def test_what_else_the_secret_holds_stays_and_is_told() -> None:
    """Every version that had it is destroyed: a passphrase, the account at the exchange."""
    incident, held = OPEN, {"api_key": "old", "api_secret": "o", "passphrase": "p", "sub_account": "desk"}
    kept = dict[str, Any]()
    vault: Any = SimpleNamespace(
        versions=lambda mount, _: [Version(1, 1, destroyed=False)] * (mount == "secret"),
        value=lambda mount, *_: held if mount == "secret" else kept or None,
        put=lambda _mount, _path, data, _last: kept.update(data),
        now=lambda: 3,
        incidents=lambda: (incident,),
        update_incident=lambda *_: None,
    )
    account = [UpstreamKey("new", NAME, "INC-1", enabled=True, permissions=("read",)), OLD]
    upstream: Any = SimpleNamespace(
        keys=lambda _: account, create_key=lambda *_: ("new", "n"), disable_key=lambda *_: None
    )
    credential, refused = plan(OPEN, load()).find(ITEM), cast(Any, None)
    work = Work(vault, refused, refused, lambda _: upstream, refused, load(), "INC-1", credential, None, None)
    create = next(s for s in steps(work) if s.name == "create")
    assert create.act is not None
    create.act()
    assert kept == {**held, **NEW}
    assert create.verify().endswith("; as they were, and replaced by nobody here: passphrase, sub_account")


@pytest.mark.parametrize("made", [(), (MADE,)])
def test_what_somebody_makes_after_the_new_key_is_disabled_and_not_what_a_further_one_may_do(made: Any) -> None:
    incident, kept, ended = replace(OPEN, made=made), list[Incident](), list[str]()
    vault: Any = SimpleNamespace(
        versions=lambda *_: [Version(1, 0, destroyed=False)],
        value=lambda mount, *_: NEW if mount == "secret" else None,
        incidents=lambda: (incident,),
        update_incident=lambda _, change: kept.append(change(incident)),
    )
    account = [
        UpstreamKey(key, NAME, "", enabled=True, permissions=(may,))
        for key, may in {"new": "read", "later": "withdraw"}.items()
    ]
    upstream: Any = SimpleNamespace(keys=lambda _: account, disable_key=lambda _, key: ended.append(key))
    credential, refused = plan(OPEN, load()).find(ITEM), cast(Any, None)
    work = Work(vault, refused, refused, lambda _: upstream, refused, load(), "INC-1", credential, None, None)
    act = next(s for s in steps(work) if s.name == "disable-old").act
    assert act is not None
    act()
    assert ended == (["later"] if made else ["new", "later"])
    may = [d.permissions for i in kept for d in i.disabled]
    assert may == ([] if made else [("read",), ("withdraw",)])


def test_what_was_made_by_hand_where_the_new_key_is_ended_says_what_a_further_one_may_do() -> None:
    """The runbook's way where nothing was on record and the new key could do too little."""
    held = [replace(OPEN, made=(MADE,))]
    vault: Any = SimpleNamespace(
        versions=lambda *_: [Version(1, 0, destroyed=False)],
        value=lambda mount, *_: NEW if mount == "secret" else None,
        put=lambda *_: None,
        now=lambda: 7,
        incidents=lambda: tuple(held),
        update_incident=lambda _, change: held.append(change(held.pop())),
    )
    account = {
        "new": UpstreamKey("new", NAME, "", enabled=False, permissions=("read",)),
        "by-hand": UpstreamKey("by-hand", NAME, "", enabled=True, permissions=("read", "trade")),
    }
    made = list[list[str]]()

    def create(_account: str, _tag: str, _label: str, permissions: list[str]) -> tuple[str, str]:
        made.append(permissions)
        return "newer", "n"

    def disable(_account: str, key: str) -> None:
        account[key] = replace(account[key], enabled=False)

    upstream: Any = SimpleNamespace(keys=lambda _: list(account.values()), disable_key=disable, create_key=create)
    credential, refused = plan(OPEN, load()).find(ITEM), cast(Any, None)
    work = Work(vault, refused, refused, lambda _: upstream, refused, load(), "INC-1", credential, None, None)
    for name in ("disable-old", "create"):
        act = next(s for s in steps(work) if s.name == name).act
        assert act is not None
        act()
    assert made == [["read", "trade"]]


def test_only_what_the_exchange_knows_for_a_key_of_this_secret_counts_as_tried() -> None:
    other = replace(OLD, id="theirs", tag="exchange-market-key")
    values = [{"api_key": key, "api_secret": "x"} for key in ("made-up", "theirs")]
    told = _try_old([*values, NEW], OPEN, others=(OLD, other))
    assert told.startswith("no earlier version names a key of it, so no old key could be tried; each live key")
    assert told.endswith("; version 1, 2 names no key of it at exchange")
    told = _try_old([*values, {"api_key": "old", "api_secret": "o"}, NEW], OPEN, others=(OLD, other))
    assert told.startswith("1 old keys refused by use")


@pytest.mark.parametrize(
    "odd",
    [
        {"key": "old"},
        {"api_key": "old"},
        {"api_key": ["x"], "api_secret": {"a": 1}},
        {"api_key": "\u00e9", "api_secret": "x"},
        {"api_key": "a\r\nX-Other: b", "api_secret": "x"},
        {"api_key": "old", "api_secret": ""},
        {"api_key": "k" * 100_000, "api_secret": "x"},
    ],
)
def test_a_version_that_can_be_no_key_is_named_and_not_tried(odd: dict[str, Any]) -> None:
    told = _try_old([odd, {"api_key": "old", "api_secret": "o"}, NEW], OPEN)
    assert told.startswith("1 old keys refused by use")
    assert told.endswith("; version 1 holds no two strings of visible ASCII, so no key")


@pytest.mark.parametrize(
    ("long_ago", "last", "live", "may"),
    [
        ((), ("read",), ("read",), "read"),
        (("read", "trade"), ("read",), ("read",), "read"),
        (("read",), ("read", "trade"), ("read", "trade"), "read, trade"),
        (("read", "trade"), ("read",), (), "read"),
        (("trade",), ("read",), (), ""),
        ((), (), (), ""),
    ],
)
def test_a_new_key_may_do_no_more_than_what_it_replaces(
    long_ago: tuple[str, ...], last: tuple[str, ...], live: tuple[str, ...], may: str
) -> None:
    """`live`: what the lock-down disabled could do, if that is on record."""
    incident = OPEN.with_disabled([Disabled(ITEM, reference("last"), live)] if live else [])
    estate, made = load(), list[list[str]]()

    def create(account: str, tag: str, label: str, permissions: list[str]) -> tuple[str, str]:
        assert (account, tag, label) == ("tradepulse-prod", "exchange-trading-key", "INC-1")
        made.append(permissions)
        return "new", "n"

    kept = list[Incident]()
    vault: Any = SimpleNamespace(
        versions=lambda *_: [],
        value=lambda *_: None,
        put=lambda *_: None,
        now=lambda: 7,
        incidents=lambda: (incident,),
        update_incident=lambda _, change: kept.append(change(incident)),
    )
    keys = {"long-ago": long_ago, "last": last}
    old = [UpstreamKey(key, NAME, "", enabled=False, permissions=could) for key, could in keys.items() if could]
    upstream: Any = SimpleNamespace(keys=lambda *_: old, create_key=create)
    credential, refused = plan(OPEN, estate).find(ITEM), cast(Any, None)
    work = Work(vault, refused, refused, lambda _: upstream, refused, estate, "INC-1", credential, None, None)
    act = next(s for s in steps(work) if s.name == "create").act
    assert act is not None
    if may:
        act()
        assert made == [may.split(", ")]
        assert [i.made for i in kept] == [(Made(ITEM, reference("new"), 7),)]
    else:
        words = f"keys with the tag {NAME} that could do nothing in common" if old else f"no key with the tag {NAME}"
        with pytest.raises(NotProven, match=f"lists {words}"):
            act()
        assert made == []
