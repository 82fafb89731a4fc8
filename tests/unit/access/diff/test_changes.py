"""Every way in which declarations can widen: from the example estate, one thing changed at a time."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from access.diff.change import Change, Risk
from access.diff.changes import Side, changes
from access.policy import parse
from access.rule import Policy
from access.snapshot import Attached, Engine, Principal, PrincipalKind, Snapshot, Target
from access.sources.sides import of_declarations, of_policies
from policies.load import ACCESS, load
from policies.model import Ttl

BASE = of_declarations(load())
KEY = "production/exchange-trading-key.yaml"
PATH = "secret/data/trading/exchange"
LIMITS = "production/risk-limits-token.yaml"
DAILY = "production/analytics-readonly.yaml"
DAILY_PATH = "database/creds/analytics-readonly"
BATCH = "production/workload-analytics-batch.yaml"
CLAIMS = "claims that a login must have"
SETTLEMENT = "production/workload-settlement.yaml"
INFRA = "production/repository-tradepulse-infra.yaml"
INFRA_IS = "repository tradepulse-infra"


def _changed(tmp_path: Path, file: str, old: str, new: str) -> Side:
    folder = Path(shutil.copytree(ACCESS, tmp_path / "policies" / "access"))
    text = (folder / file).read_text()
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1))
    return of_declarations(load(folder))


def _own(found: tuple[Change, ...]) -> list[Change]:
    return [c for c in found if not c.follows]


SECRET = f"secret {PATH}"
WIDENINGS = [
    (KEY, "[read]", "[read, update]", "workload execution-engine", PATH, "workload: execution-engine"),
    (KEY, "max: 4h", "max: 8h", SECRET, "TTL, max", "max: 8h"),
    (KEY, "ttl: 15m", "ttl: 30m", SECRET, "TTL in an incident", "ttl: 30m"),
    (KEY, "owner: team-trading", "owner: team-analytics", SECRET, "owner", "owner:"),
    (KEY, "tier: critical", "tier: high", SECRET, "tier", "tier:"),
    (KEY, "period: 14d", "period: 30d", SECRET, "rotation period", "period: 30d"),
    (LIMITS, "access: deny", "access: keep", "secret secret/data/risk/limits", "access in an incident", "access: keep"),
    (DAILY, "grant: analytics", "grant: readonly", f"secret {DAILY_PATH}", "SQL statements", "grant: readonly"),
    (BATCH, "sub: analytics-batch", "sub: anybody", "workload analytics-batch", CLAIMS, "boundClaims"),
    (SETTLEMENT, "max: ", "max: 1", "workload settlement", "TTL, max", "max: 1"),
    (INFRA, "requiredApprovals: 2", "requiredApprovals: 1", INFRA_IS, "approvals that a merge needs", "Approvals: 1"),
]


@pytest.mark.parametrize(("file", "old", "new", "subject", "what", "at"), WIDENINGS)
def test_each_widening_is_named_and_its_opposite_is_none(
    tmp_path: Path, file: str, old: str, new: str, subject: str, what: str, at: str
) -> None:
    side = _changed(tmp_path, file, old, new)
    (one,) = _own(changes(BASE, side))
    assert (one.subject, one.what, one.widens) == (subject, what, True)
    assert one.risk > Risk.NARROWER
    assert one.place is not None
    line = (tmp_path / "policies" / "access" / file).read_text().splitlines()[one.place.line - 1]
    assert one.place.file == f"policies/access/{file}"
    assert at in line
    (back,) = _own(changes(side, BASE))
    assert back.widens is (what in ("owner", "SQL statements", "claims that a login must have"))


def test_a_pure_refactoring_of_files_is_no_change(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(ACCESS, tmp_path / "policies" / "access"))
    text = (folder / KEY).read_text()
    (folder / KEY).unlink()
    (folder / "production" / "aa.yaml").write_text(f"# moved\n{text.replace('1h', '60m')}")
    assert changes(BASE, of_declarations(load(folder))) == ()


def _named(secret: dict[str, str]) -> Side:
    """The example, its secrets renamed wherever a name stands."""
    estate = load()
    roles = (replace(r, secrets=tuple(secret.get(s, s) for s in r.secrets)) for r in estate.ci_roles)
    repositories = (
        replace(r, actions_secrets=tuple(replace(a, secret=secret.get(a.secret, a.secret)) for a in r.actions_secrets))
        for r in estate.repositories
    )
    secrets = (replace(s, name=secret.get(s.name, s.name)) for s in estate.secrets)
    return of_declarations(
        replace(estate, secrets=tuple(secrets), ci_roles=tuple(roles), repositories=tuple(repositories))
    )


@pytest.mark.parametrize(
    "names",
    [
        {"exchange-trading-key": "partner-api-key", "partner-api-key": "exchange-trading-key"},
        {"exchange-trading-key": "partner-api-key", "partner-api-key": "another"},
        {"exchange-trading-key": "another"},
    ],
)
def test_what_a_name_stands_for_is_whose_it_was(names: dict[str, str]) -> None:
    """Though every path is granted to whom it was granted before."""
    paths, owners = BASE.snapshot.secrets, BASE.owners
    found = changes(BASE, _named(names))
    assert {(c.subject, c.what, c.before, c.after, c.owner) for c in found} == {
        (f"secret {paths[old]}", "name", old, new, owners[paths[old]]) for old, new in names.items()
    }
    assert {(c.widens, c.production, c.risk) for c in found} == {(True, True, Risk.HIGH)}


def test_a_repository_that_is_no_longer_declared_loses_its_protection() -> None:
    without = replace(BASE, facts={k: f for k, f in BASE.facts.items() if f.subject != INFRA_IS})
    (one,) = changes(BASE, without)
    assert (one.subject, one.what, one.risk, one.widens) == (INFRA_IS, "protection", Risk.HIGH, True)


def test_what_the_operators_may_do_follows(tmp_path: Path) -> None:
    wider = _changed(tmp_path, KEY, "[read]", "[read, update]")
    found = changes(BASE, wider)
    assert {c.subject.split()[0] for c in found if c.follows} == {"token"}
    told = changes(BASE, wider, follow=False)
    assert not [c for c in told if c.follows]


def _policy(text: str, *others: str) -> Side:
    attached = tuple(Attached(parse(t, f"{n}.hcl", name=f"{n}"), "file") for n, t in enumerate((text, *others)))
    return of_policies(Snapshot((Principal(PrincipalKind.GROUP, "ops", attached),)))


def _rule(path: str, word: str) -> str:
    return f'path "{path}" {{ capabilities = [{json.dumps(word) if word else ""}] }}\n'


ALL = _rule("secret/*", "read")


@pytest.mark.parametrize(
    ("before", "after", "risk", "witness", "gained"),
    [
        (_rule("a", "deny"), _rule("a", "read"), Risk.MEDIUM, "a", "read"),
        (_rule("a/b", "read"), _rule("a/*", "read"), Risk.HIGH, "a/x", "read"),
        (_rule("a/b/c", "read"), _rule("a/+/c", "read"), Risk.HIGH, "a/x/c", "read"),
        (ALL + _rule("secret/x", "deny"), ALL, Risk.MEDIUM, "secret/x", "read"),
        (ALL + _rule("secret/x/*", ""), ALL, Risk.HIGH, "secret/x/y", "read"),
        (ALL, ALL + _rule("secret/x", "sudo"), Risk.CRITICAL, "secret/x", "sudo"),
        (ALL, ALL + _rule("sys/policies/acl/x", "update"), Risk.CRITICAL, "sys/policies/acl/x", "update"),
    ],
)
def test_each_widening_of_a_policy(before: str, after: str, risk: Risk, witness: str, gained: str) -> None:
    one = changes(_policy(before), _policy(after))[0]
    assert (one.risk, one.witness and one.witness[1], one.gained) == (risk, witness, (gained,))


@pytest.mark.parametrize(
    ("rules", "risk"),
    [
        (_rule("+/policies/acl/+", "update"), Risk.CRITICAL),
        (_rule("*", "create"), Risk.CRITICAL),
        (_rule("s*", "delete"), Risk.CRITICAL),
        (_rule("sy+/*", "update"), Risk.HIGH),
        (_rule("secret/*", "update"), Risk.HIGH),
        (_rule("+/data/x", "read"), Risk.HIGH),
    ],
)
def test_a_pattern_is_graded_by_all_that_it_reaches(rules: str, risk: Risk) -> None:
    one = changes(_policy(_rule("a", "read")), _policy(_rule("a", "read") + rules))[0]
    assert (one.risk, one.widens) == (risk, True)


def test_what_others_decide_is_not_reached() -> None:
    powers = "".join(_rule(f"{area}/*", "deny") for area in ("sys", "auth", "identity"))
    assert changes(_policy(powers), _policy(powers + _rule("*", "update")))[0].risk is Risk.HIGH


NAME = "{{identity.entity.name}}"
MINE = _rule(f"secret/{NAME}", "read")


@pytest.mark.parametrize(
    ("before", "after", "risk", "what", "gained"),
    [
        (ALL, ALL + _rule(f"sys/policies/acl/{NAME}", "sudo"), Risk.CRITICAL, f"sys/policies/acl/{NAME}", ("sudo",)),
        (ALL, ALL + _rule(f"{NAME}/x", "update"), Risk.CRITICAL, f"{NAME}/x", ("update",)),
        (ALL + _rule(f"secret/{NAME}", "deny"), ALL, Risk.MEDIUM, f"secret/{NAME}", ("read",)),
        (_rule("a", "read"), _rule("a", "read") + _rule("b/{{time.now.2h}}", "list"), Risk.MEDIUM, None, ("list",)),
        # Where the value is what another rule names.
        (_rule("a/b/x", "") + _rule(f"a/{NAME}*", "read"), _rule(f"a/{NAME}*", "read"), Risk.MEDIUM, None, ("read",)),
        (_rule("a/bob*", "") + _rule(f"a/{NAME}*", "read"), _rule(f"a/{NAME}*", "read"), Risk.HIGH, None, ("read",)),
        (
            _rule("a/bob", "read") + _rule(f"a/{NAME}", "deny"),
            _rule("a/bob", "read"),
            Risk.MEDIUM,
            f"a/bob, where {NAME} is bob",
            ("read",),
        ),
        (
            _rule("a/{{identity.entity.id}}", "read") + _rule(f"a/{NAME}", "deny"),
            _rule("a/{{identity.entity.id}}", "read"),
            Risk.MEDIUM,
            None,
            ("read",),
        ),
    ],
)
def test_a_template_of_which_no_value_is_known(
    before: str, after: str, risk: Risk, what: str | None, gained: tuple[str, ...]
) -> None:
    found = [c for c in changes(_policy(before), _policy(after)) if c.widens and c.gained]
    assert found, "silence"
    assert (found[0].risk, found[0].what, found[0].gained) == (risk, what or found[0].what, gained)


def test_a_template_in_other_words_is_no_change() -> None:
    other = _rule("secret/{{ identity.entity.name }}", "read") + _rule("secret/bob", "deny")
    assert changes(_policy(MINE + _rule("secret/bob", "deny")), _policy(other)) == ()
    (one,) = changes(_policy(MINE + ALL), _policy(ALL + _rule(f"secret/{NAME}", "")))
    assert (one.widens, one.what, one.lost) == (False, f"secret/{NAME}", ("read",))


@pytest.mark.parametrize("what", ["slashes", "wildcards"])
def test_values_of_templates_that_may_hold_more(what: str) -> None:
    was = _policy(MINE)
    (principal,) = was.snapshot.principals
    free = replace(principal.attached[0].policy, **{f"{what}_in_templates": True})  # type: ignore[arg-type]
    now = of_policies(Snapshot((replace(principal, attached=(Attached(free, "file"),)),)))
    (one,) = changes(was, now)
    assert (one.what, one.widens, one.risk) == (f"{what} in values of templates", True, Risk.HIGH)
    (back,) = changes(now, was)
    assert not back.widens


NOW = datetime(2026, 1, 1, tzinfo=UTC)


def _until(path: str, word: str, year: int) -> str:
    return f'path "{path}" {{ capabilities = ["{word}"]\n expiration = "{year}-06-01T00:00:00Z" }}\n'


@pytest.mark.parametrize(
    ("before", "after", "at"),
    [
        (_until("a", "read", 2020), _rule("a", "read"), ""),
        (_until("a", "read", 2027), _rule("a", "read"), "from 2027-06-01T00:00:00.000001+00:00 on"),
        (_until("a", "read", 2027), _until("a", "read", 2028), "from 2027-06-01T00:00:00.000001+00:00 on"),
        (ALL + _rule("secret/a", "deny"), ALL + _until("secret/a", "deny", 2027), "from 2027-06-01"),
    ],
)
def test_what_expires_later_or_never_is_wider(before: str, after: str, at: str) -> None:
    (one,) = changes(_policy(before), _policy(after), now=NOW)
    assert (one.widens, one.gained, at in one.reason) == (True, ("read",), True)
    (back,) = changes(_policy(after), _policy(before), now=NOW)
    assert (back.widens, back.lost) == (False, ("read",))
    assert changes(_policy(before), _policy(before + "# more"), now=NOW) == ()


def _files(**texts: str) -> Side:
    found = (Attached(parse(text, f"{name}.hcl", name=name), "file") for name, text in texts.items())
    return of_policies(Snapshot(tuple(Principal(PrincipalKind.POLICY, a.policy.name, (a,)) for a in found)))


GUARD = _rule("secret/data/prod/*", "deny")


@pytest.mark.parametrize("guarded", [GUARD, _rule("secret/data/prod/*", ""), _rule("secret/data/prod/*", "list")])
def test_what_one_file_hid_of_another_is_told_with_a_witness(guarded: str) -> None:
    rest = _rule("b", "read")
    for after in (_files(a=ALL, guard=rest), _files(a=ALL)):
        (one,) = (c for c in changes(_files(a=ALL, guard=guarded + rest), after) if c.widens)
        assert (one.subject, one.gained, one.witness) == ("policy guard", ("read",), ("read", "secret/data/prod/x"))
        assert one.reason.endswith("for whoever has a beside it")


def test_a_deny_that_is_gone_is_told_where_nobody_known_grants_it() -> None:
    (one,) = changes(_files(guard=GUARD, a=_rule("b", "read")), _files(a=_rule("b", "read")))
    assert (one.subject, one.widens, one.before, one.after) == ("policy guard", True, "denied", "not denied")
    (back,) = (c for c in changes(_policy(ALL, GUARD), _policy(ALL)) if c.widens)
    assert (back.subject, back.gained) == ("group ops", ("read",))
    (alone,) = changes(_policy(_rule("b", "read"), GUARD), _policy(_rule("b", "read")))
    assert (alone.subject, alone.widens, alone.place and alone.place.file) == ("group ops", True, "1.hcl")


def test_a_deny_that_moves_within_its_file_is_no_change() -> None:
    assert changes(_files(a=ALL, guard=GUARD + MINE), _files(guard=MINE + "# moved\n" + GUARD, a=ALL)) == ()


def test_a_policy_more_on_a_group() -> None:
    (one,) = changes(_policy(ALL), _policy(ALL, _rule("a", "list")))
    assert (one.subject, one.witness, one.place and one.place.file) == ("group ops", ("list", "a/"), "1.hcl")


def test_no_gate_any_more() -> None:
    def side(*names: str) -> Side:
        attached = tuple(Attached(parse(_rule("a", "read"), "p", name=name), "role") for name in names)
        return replace(
            of_policies(Snapshot((Principal(PrincipalKind.LOGIN_ROLE, "auth/approle/role/x", attached),))),
            gate="pc-gate",
        )

    (one,) = changes(side("own", "pc-gate"), side("own"))
    assert (one.what, one.widens, one.risk) == ("pc-gate", True, Risk.CRITICAL)


def test_what_widens_beside_paths_is_whose_it_was(tmp_path: Path) -> None:
    text = (ACCESS / KEY).read_text()
    handed = text.replace("owner: team-trading", "owner: team-analytics").replace("ttl: 15m", "ttl: 30m")
    found = _own(changes(BASE, _changed(tmp_path, KEY, text, handed)))
    assert {c.what: c.owner for c in found} == {"owner": "team-trading", "TTL in an incident": "team-trading"}


LEASED = Target(Engine.DATABASE, "app", "db", ('IN ROLE "reader"',), ("reader",), Ttl(3600, 7200))


def _standing(target: Target | None, rule: str) -> Side:
    attached = (Attached(parse(rule, "p.hcl", name="own"), "role"),)
    held = Principal(PrincipalKind.LOGIN_ROLE, "auth/approle/role/x", attached)
    root = Principal(PrincipalKind.POLICY, "root", (Attached(Policy("root", (), "p"), "by itself"),))
    return Side(Snapshot((held, root), {"db/creds/app": target} if target else {}))


@pytest.mark.parametrize(
    ("ttl", "widens"),
    [
        (Ttl(3600, 7201), True),
        (Ttl(3601, 7200), True),
        (Ttl(0, 7200), True),
        (Ttl(3600, 0), True),
        (None, True),
        (Ttl(60, 7200), False),
        (Ttl(3600, 3600), False),
    ],
)
def test_a_role_that_lives_longer_is_wider_and_its_opposite_is_not(ttl: Ttl | None, widens: bool) -> None:
    old, new = (_standing(t, ALL) for t in (LEASED, replace(LEASED, ttl=ttl)))
    (one,) = changes(old, new)
    (back,) = changes(new, old)
    assert (one.subject, one.what) == ("role db/creds/app", "TTL")
    assert (one.widens, back.widens) == (widens, not widens)


def test_a_new_role_is_named_where_somebody_reaches_it_by_a_pattern() -> None:
    by_pattern = _rule("db/creds/*", "read")
    (one,) = changes(_standing(None, by_pattern), _standing(LEASED, by_pattern))
    assert (one.subject, one.what, one.widens) == ("role db/creds/app", "new, in reach", True)
    assert one.after == "database role app at db with the rights of reader, for login role auth/approle/role/x"
    assert changes(_standing(None, ALL), _standing(LEASED, ALL)) == ()


ALONE = {
    "Repository": """
  owner: team-mallory
  defaultBranch: main
  control: false
  mergers: [mallory]
  requiredApprovals: 1
  actionsSecrets: [{name: K, secret: exchange-trading-key}]
""",
    "Mount": "\n  path: hidden\n  type: kv\n  ttl: {default: 1h, max: 4h}\n",
    "DatabaseConnection": """
  mount: staging/database
  urlEnv: TRADEPULSE_DB_URL
  username: portcullis
  passwordEnv: TRADEPULSE_DB_PASSWORD
  containmentUrlEnv: TRADEPULSE_DB_CONTAINMENT_URL
""",
}


@pytest.mark.parametrize(
    ("kind", "environment", "told"),
    [
        (
            "Repository",
            "production",
            {
                f"copy of {PATH} as K": "team-trading",
                "secrets of its workflows": "team-mallory",
                "who merges in an incident": "team-mallory",
                "protected branch": "team-mallory",
                "who may push or merge in peace": "team-mallory",
            },
        ),
        ("Mount", "staging", {"type": ""}),
        ("DatabaseConnection", "staging", dict.fromkeys(("URL", "user", "password", "URL for containment"), "")),
    ],
)
def test_what_is_new_and_no_principal_is_told_and_whom_it_names_does_not_answer_alone(
    tmp_path: Path, kind: str, environment: str, told: dict[str, str]
) -> None:
    folder = Path(shutil.copytree(ACCESS, tmp_path / "policies" / "access"))
    head = f"apiVersion: portcullis/v1\nkind: {kind}\nmetadata: {{name: toys}}\nspec:{ALONE[kind]}"
    (folder / environment / "toys.yaml").write_text(head)
    side = of_declarations(load(folder))
    found = _own(changes(BASE, side))
    assert {c.what: c.owner for c in found} == told
    assert {c.what for c in found if c.new} == {what for what, owner in told.items() if owner == "team-mallory"}
    assert {(c.widens, c.before, c.production) for c in found} == {(True, "not declared", environment == "production")}
    gone = [c.what for c in _own(changes(side, BASE))]
    assert gone == ([f"copy of {PATH} as K", "protection"] if kind == "Repository" else [])


IDENTITIES = {
    "Workload": "\n  owner: team-mallory\n  auth: jwt\n  ttl: {default: 5m, max: 15m}\n  boundClaims: {sub: mallory}\n",
    "CiRole": """
  owner: team-mallory
  repository: tradepulse-core
  boundClaims: {repository: mallory/tradepulse-core, ref: refs/heads/x}
  ttl: {default: 5m, max: 15m}
  secrets: []
""",
}


@pytest.mark.parametrize("environment", ["production", "staging"])
@pytest.mark.parametrize(
    ("kind", "claims"), [("Workload", "sub=mallory"), ("CiRole", "repository=mallory/tradepulse-core")]
)
def test_a_new_identity_is_told_with_who_may_log_in(tmp_path: Path, kind: str, claims: str, environment: str) -> None:
    """Whatever it is granted, by then or later."""
    folder = Path(shutil.copytree(ACCESS, tmp_path / "policies" / "access"))
    head = f"apiVersion: portcullis/v1\nkind: {kind}\nmetadata: {{name: toys}}\nspec:{IDENTITIES[kind]}"
    (folder / environment / "toys.yaml").write_text(head)
    (one,) = _own(changes(BASE, of_declarations(load(folder))))
    (gone,) = _own(changes(of_declarations(load(folder)), BASE))
    assert (gone.what, gone.widens, gone.new, gone.owner) == ("identity", True, False, "team-mallory")
    assert (one.what, one.widens, one.new, one.owner) == ("identity", True, True, "team-mallory")
    assert one.production is (environment == "production")
    assert one.risk is (Risk.HIGH if one.production else Risk.MEDIUM)
    assert all(said in one.after for said in ("logs in by jwt", claims, "300 s, 900 s at most"))


def _without(secret: str) -> Side:
    estate = load()
    roles = tuple(replace(r, secrets=tuple(s for s in r.secrets if s != secret)) for r in estate.ci_roles)
    return of_declarations(
        replace(estate, secrets=tuple(s for s in estate.secrets if s.name != secret), ci_roles=roles)
    )


def test_what_is_taken_out_and_declared_anew_was_somebodys(tmp_path: Path) -> None:
    """In two pull requests: its owner allows the one, and whom the other names does not allow it alone."""
    without = _without("exchange-trading-key")
    gone = [c for c in _own(changes(BASE, without)) if c.widens]
    assert [(c.subject, c.what, c.after, c.owner, c.new) for c in gone] == [
        (SECRET, "name", "no longer declared", "team-trading", False)
    ]
    taken = _changed(tmp_path, KEY, "owner: team-trading", "owner: team-mallory")
    back = _own(changes(without, taken))
    assert {(c.subject, c.what, c.owner, c.new) for c in back} == {
        ("workload execution-engine", PATH, "team-mallory", True)
    }
    (granted,) = (c for c in _own(changes(BASE, _changed(tmp_path / "b", KEY, "[read]", "[read, update]"))))
    assert (granted.owner, granted.new) == ("team-trading", False)


def test_two_identities_that_change_names_change_their_claims() -> None:
    """A name is a login role: whatever else two of them have alike, who may log in by each is another."""
    estate = load()
    (batch,) = (w for w in estate.workloads if w.name == "analytics-batch")
    twins = [replace(batch, name=name, bound_claims=(("sub", claim),)) for name, claim in (("a", "x"), ("b", "y"))]
    swapped = [replace(twins[0], name="b"), replace(twins[1], name="a")]
    before, after = (of_declarations(replace(estate, workloads=(*estate.workloads, *w))) for w in (twins, swapped))
    found = _own(changes(before, after))
    assert {(c.subject, c.what, c.widens, c.owner) for c in found} == {
        (f"workload {name}", CLAIMS, True, batch.owner) for name in ("a", "b")
    }


def test_another_copy_of_a_secret_is_its_owners_to_allow_as_well_as_the_repositorys(tmp_path: Path) -> None:
    core = "production/repository-tradepulse-core.yaml"
    more = "actionsSecrets:\n    - {name: K, secret: exchange-trading-key}"
    found = _own(changes(BASE, _changed(tmp_path, core, "actionsSecrets:", more)))
    owner = next(f.text for (s, a), f in BASE.facts.items() if (s, a) == ("repository tradepulse-core", "owner"))
    assert {c.what: c.owner for c in found} == {
        f"copy of {PATH} as K": "team-trading",
        "secrets of its workflows": owner,
    }


@pytest.mark.parametrize("named", ["", "otherSecrets: [K]\n  "])
def test_a_copy_that_is_taken_out_stays_at_github_by_the_leave_of_the_secrets_owner(tmp_path: Path, named: str) -> None:
    core = "production/repository-tradepulse-core.yaml"
    more = _changed(tmp_path, core, "actionsSecrets:", "actionsSecrets:\n    - {name: K, secret: exchange-trading-key}")
    left = _changed(tmp_path / "left", core, "actionsSecrets:", f"{named}actionsSecrets:") if named else BASE
    found = {c.what: c for c in _own(changes(more, left))}
    stays = "the copy stays at GitHub until it is removed or replaced there, or the secret is rotated"
    copy, listed = found[f"copy of {PATH} as K"], found["secrets of its workflows"]
    assert (copy.widens, copy.risk, copy.reason) == (True, Risk.HIGH, stays)
    assert (copy.owner, copy.new, copy.after) == ("team-trading", False, "no longer declared")
    assert (listed.widens, listed.reason) == (False, stays)
    assert found.keys() - {copy.what, listed.what} == ({"other Actions secrets"} if named else set())


def test_what_leaves_production_is_told_and_is_productions_still(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(ACCESS, tmp_path / "policies" / "access"))
    for file in (folder / "production").iterdir():
        file.rename(folder / "staging" / f"moved-{file.name}")
    moved = of_declarations(load(folder))
    found = _own(changes(BASE, moved))
    assert {c.what for c in found} == {"environment"}
    assert len(found) == len(list((ACCESS / "production").iterdir()))
    assert {(c.widens, c.production, c.before, c.after) for c in found} == {(True, True, "production", "staging")}
    key = next(c for c in found if c.subject == f"secret {PATH}")
    assert (key.owner, key.risk) == ("team-trading", Risk.HIGH)
    assert not any(c.widens for c in changes(moved, BASE))
    for file in folder.rglob("moved-exchange-trading-key.yaml"):
        file.write_text(file.read_text().replace("[read]", "[read, update]"))
    (wider,) = (c for c in _own(changes(BASE, of_declarations(load(folder)))) if c.what == PATH)
    assert (wider.widens, wider.production) == (True, True)
