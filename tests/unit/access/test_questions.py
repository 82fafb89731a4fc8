"""Who reaches a path, through what; what one of them reaches."""

from __future__ import annotations

import pytest

from access.policy import parse
from access.questions import named, of, perhaps, reach, who
from access.rule import Capability, Policy
from access.snapshot import Attached, Engine, Principal, PrincipalKind, Snapshot, Target
from access.template import Entity
from policies.errors import InputError

C = Capability


def policy(name: str, text: str) -> Policy:
    return parse(text, f"{name}.hcl", name=name)


READER = policy("reader", 'path "secret/data/app" { capabilities = ["read"] }')
DENIER = policy("denier", 'path "secret/data/app" { capabilities = ["deny"] }')
LISTER = policy("lister", 'path "secret/metadata/" { capabilities = ["list"] }')
CREDS = policy("creds", 'path "db/creds/*" { capabilities = ["read"] }\npath "db/creds/b" { capabilities = ["deny"] }')
OWN = policy("own", 'path "secret/data/{{identity.entity.name}}" { capabilities = ["read"] }')


def principal(name: str, *attached: tuple[Policy, str], kind: PrincipalKind = PrincipalKind.WORKLOAD) -> Principal:
    return Principal(kind, name, tuple(Attached(*a) for a in attached))


def test_nobody_and_those_who_do() -> None:
    a, b = principal("a", (READER, "role r"), (READER, "group g")), principal("b", (LISTER, "role r"))
    (found,) = who(Snapshot((a, b)), ["secret/data/app"])
    assert (found.principal, found.through) == (a, ("role r", "group g"))
    assert found.capabilities == {C.READ}
    assert [(r.policy, r.source, r.line) for r in found.rules] == [("reader", "reader.hcl", 1)]
    assert who(Snapshot((a, b)), ["secret/data/other"]) == ()


def test_a_deny_by_another_way_takes_it_away() -> None:
    one = principal("a", (READER, "role r"), (DENIER, "group g"))
    assert who(Snapshot((one,)), ["secret/data/app"]) == ()


def test_to_list_is_asked_of_the_path_with_its_slash() -> None:
    assert reach(principal("a", (LISTER, "r")), "secret/metadata").capabilities == {C.LIST}
    exact = policy("exact", 'path "secret/data/app" { capabilities = ["read", "list"] }')
    assert reach(principal("a", (exact, "r")), "secret/data/app/").capabilities == {C.LIST}


def test_root_and_sudo() -> None:
    root = Policy("root", (), "root")
    assert reach(principal("a", (root, "r"), (DENIER, "g")), "secret/data/app").capabilities == {C.ROOT}
    sudo = policy("sudo", 'path "sys/raw" { capabilities = ["read", "sudo"] }')
    assert reach(principal("a", (sudo, "r")), "sys/raw").capabilities == {C.READ, C.SUDO}


def test_an_entity_fills_templates_in() -> None:
    one = principal("a", (OWN, "r"))
    assert not reach(one, "secret/data/eve").capabilities
    eve = Principal(one.kind, one.name, one.attached, Entity("1", "eve"))
    assert reach(eve, "secret/data/eve").capabilities == {C.READ}


@pytest.mark.parametrize(
    ("rule", "path", "matches"),
    [
        ("a/{{identity.entity.name}}", "a/eve", True),
        ("a/{{identity.entity.name}}", "a/", False),
        ("a/{{identity.entity.name}}", "b/eve", False),
        ("a/+/{{identity.entity.id}}/*", "a/x/1/y", True),
        ("a/+/{{identity.entity.id}}/*", "a/x/1", False),
        ("a/x-{{identity.entity.id}}", "a/x.1", False),
        ("a/b.+/{{identity.entity.id}}", "a/bc/1", False),
    ],
)
def test_who_may_reach_a_path_is_told_where_nobody_is_known(rule: str, path: str, matches: bool) -> None:
    templated = policy("t", f'path "{rule}" {{ capabilities = ["read"] }}')
    unknown = principal("x", (templated, "r"))
    known = Principal(unknown.kind, "y", unknown.attached, Entity("1"))
    found = perhaps(Snapshot((unknown, known)), [path])
    assert [(p.principal.name, p.rule.line) for p in found] == ([("x", 1)] if matches else [])


def test_a_templated_deny_lets_nobody_in() -> None:
    denied = policy("t", 'path "a/{{identity.entity.name}}" { capabilities = ["deny"] }')
    assert perhaps(Snapshot((principal("x", (denied, "r")),)), ["a/eve"]) == ()


def test_what_a_pattern_stands_for_without_what_a_narrower_one_decides() -> None:
    targets = {f"db/creds/{n}": Target(Engine.DATABASE, n, groups=("readers",)) for n in "abc"}
    one = principal("x", (CREDS, "r"))
    held = {h.grant.pattern.text: [t.role for _, t in h.stands_for] for h in of(Snapshot((one,), targets), one)}
    assert held == {"db/creds/*": ["a", "c"], "db/creds/b": []}


def test_a_target_by_its_path_or_a_pattern() -> None:
    target = Target(Engine.PKI, "web")
    snapshot = Snapshot((), {"pki/issue/web": target, "pki/issuer/+/issue/web": target})
    assert snapshot.target("pki/issue/web") is snapshot.target("pki/issuer/x/issue/web") is target
    assert snapshot.target("pki/issuer/issue/web") is None


def test_by_name() -> None:
    a, as_eve = principal("a", (READER, "r")), principal("a as entity eve", (READER, "r"))
    group = principal("a", (READER, "r"), kind=PrincipalKind.GROUP)
    assert named(Snapshot((a, as_eve)), "a") == (a, as_eve)
    assert named(Snapshot((a, group)), "group a") == (group,)
    with pytest.raises(InputError, match="ambiguous: write 'group a' or 'workload a'"):
        named(Snapshot((a, group)), "a")
    with pytest.raises(InputError, match="there is workload a"):
        named(Snapshot((a,)), "workload b")
