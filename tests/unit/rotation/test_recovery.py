"""Whether the workloads of one incident are back, whatever another incident holds closed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from containment import names
from containment.incidents import generations
from containment.incidents.incident import Generation, Incident, Scope, State
from containment.ports import Applied
from policies.load import load
from policies.model import Capability, Estate, Grant, SecretAccessPolicy
from rotation.steps.incident import steps
from rotation.work import NotProven, Work

ESTATE = load()
BATCH = next(w for w in ESTATE.workloads if w.name == "analytics-batch")


def _incident(name: str, secret: str, at: int) -> Incident:
    scope = Scope(everything=False, leaked=(f"secret:{secret}",))
    return Incident(name, scope, State.OPEN, opened_at=at, contained_at=at + 1, opened=(f"secret:{secret}",))


def _recovered(
    incident: Incident,
    *others: Incident,
    refused: Collection[str] = (),
    roles: Mapping[str, dict[str, Any]] | None = None,
    estate: Estate = ESTATE,
    begun: tuple[Estate, ...] = (),
) -> str:
    """`refused`: paths that answer 403 to everybody. `roles`: by path, what a login role has otherwise."""
    everything = (incident, *others)
    declared = {
        names.login_role(w): {
            "token_policies": names.token_policies(w, generations.current(w, everything)),
            "token_type": w.tokens.value,
            "bound_claims": dict(w.bound_claims) or None,
        }
        for w in ESTATE.workloads
    }
    vault = SimpleNamespace(
        incidents=lambda: everything,
        now=lambda: 1000,
        applied=lambda: Applied(1, 900, (estate, *begun)),
        read=lambda path: {**declared[path], **(roles or {}).get(path, {})},
        try_read=lambda _policies, path: 403 if path in refused else 200,
    )
    work: Any = SimpleNamespace(estate=estate, vault=vault, incident=lambda: incident, policies=lambda _w: [])
    return steps(cast(Work, work))[0].verify()


def _all_closed(at: int) -> list[Incident]:
    found = [_incident(f"INC-{n}", "analytics-readonly", at + n) for n in range(generations.COUNT)]
    return [replace(i, generations=(Generation(BATCH.name, n, 1800),)) for n, i in enumerate(found)]


def test_an_unrelated_incident_is_not_held_back() -> None:
    refused = {"database/creds/analytics-readonly"}
    said = _recovered(_incident("INC-9", "settlement-readonly", 900), *_all_closed(980), refused=refused)
    assert "answer 200" in said


def test_what_a_workload_may_only_write_it_is_not_to_read() -> None:
    def written(policy: SecretAccessPolicy) -> SecretAccessPolicy:
        return replace(policy, grants=(*policy.grants, Grant("settlement", (Capability.CREATE, Capability.UPDATE))))

    estate = replace(ESTATE, secrets=tuple(written(s) if s.name == "partner-api-key" else s for s in ESTATE.secrets))
    path = names.granted_path(next(s for s in ESTATE.secrets if s.name == "partner-api-key"))
    told = _recovered(_incident("INC-9", "settlement-readonly", 900), refused={path}, estate=estate)
    assert told == "1 reads of 1 workloads answer 200"


def test_nobody_is_back_where_it_is_not_certain_who_is_to_be() -> None:
    """Of an update that was cut short in the incident no grant is certain, and no read held for all of them."""

    def moved(policy: SecretAccessPolicy) -> SecretAccessPolicy:
        return replace(policy, grants=policy.grants[1:], uncertain=(*policy.grants[:1], *policy.uncertain))

    def cut_short(name: str) -> Estate:
        return replace(ESTATE, secrets=tuple(moved(s) if s.name == name else s for s in ESTATE.secrets))

    words = "whether treasury-report may read treasury-readonly, an update changes that has not come to its end"
    with pytest.raises(NotProven, match=f"nobody is proven to be back: {words}: pulumi up --config incident=keep"):
        _recovered(_incident("INC-9", "treasury-readonly", 900), estate=cut_short("treasury-readonly"), begun=(ESTATE,))
    both = replace(_incident("INC-9", "treasury-readonly", 900), scope=Scope(everything=True))
    ended = _recovered(_incident("INC-9", "treasury-readonly", 900), estate=cut_short("treasury-readonly"))
    assert ended.startswith("nothing was read"), "an update has ended since, and that would be named for ever"
    told = _recovered(both, estate=cut_short("treasury-readonly"), begun=(ESTATE,))
    assert "workloads answer 200; not read:" in told
    assert words in told


@pytest.mark.parametrize("more", [{"token_policies": ["nothing-at-all"]}, {"token_type": "batch"}])
def test_a_workload_whose_login_gives_something_else_is_not_back(more: dict[str, Any]) -> None:
    path = "auth/approle/role/settlement"
    said = rf"{path} has not the declared {next(iter(more))}: pulumi up --refresh"
    with pytest.raises(NotProven, match=said):
        _recovered(_incident("INC-9", "settlement-readonly", 900), refused=(), roles={path: more})


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        (
            {"portcullis_off": ["incident"]},
            "is off still, though it is replaced: pulumi up --config incident=keep",
        ),
        ({"sub": "anybody"}, "has not the declared bound_claims: pulumi up --refresh"),
    ],
)
def test_a_workload_that_no_jwt_lets_in_is_not_back(claims: dict[str, Any], said: str) -> None:
    """It was read with its policies, by a token that needs no login."""
    path, incident = f"auth/jwt/role/{BATCH.name}", _incident("INC-9", "analytics-readonly", 900)
    with pytest.raises(NotProven, match=f"{path} {said}"):
        _recovered(incident, roles={path: {"bound_claims": claims}})
    assert "answer 200" in _recovered(incident, roles={path: {"bound_claims": {"sub": [BATCH.name]}}})


def test_it_is_said_until_when_new_tokens_are_denied() -> None:
    first, *others = _all_closed(980)
    lifted = [replace(i, state=State.LIFTED) for i in others]
    path = names.granted_path(next(s for s in ESTATE.secrets if s.name == "market-data-ingest"))
    with pytest.raises(NotProven):
        _recovered(_incident("INC-9", "market-data-ingest", 990), refused={path})
    denied = {names.granted_path(s) for s in ESTATE.granted[BATCH.name]}
    everything = replace(first, scope=Scope(everything=True))
    with pytest.raises(
        NotProven, match=r"analytics-batch reads .*: 403: its new tokens are denied until 00:4\d:\d\d UTC"
    ):
        _recovered(everything, *lifted, refused=denied)


def test_nobody_is_back_by_reading_nothing() -> None:
    mine, kraken = _incident("INC-1", "exchange-market-key-kraken", 900), "workload:kraken-ingest"
    other = replace(mine, id="INC-2", scope=Scope(everything=False, leaked=(kraken,)), opened=())
    with pytest.raises(
        NotProven, match="kraken-ingest is shut until it is replaced in INC-2: portcullis rotate run INC-2"
    ):
        _recovered(mine, other, refused=())
    assert _recovered(mine, replace(other, opened=(kraken,)), refused=()).endswith("of 1 workloads answer 200")
    said = _recovered(mine, replace(mine, id="INC-2", opened=()), refused=())
    assert said == (
        "1 reads of 1 workloads answer 200; not read: exchange-market-key-kraken is denied to kraken-ingest until it "
        "is replaced in INC-2: portcullis rotate run INC-2"
    )


def test_an_incident_that_affects_no_workload_has_none_to_bring_back() -> None:
    ci = replace(_incident("INC-1", "", 900), scope=Scope(everything=False, leaked=("ci:cicd",)))
    assert _recovered(ci, refused=()) == "nothing was read: no workload of this incident is granted what is open"
