"""Templates, namespaces, expiry and root with real entities, groups and logins, the server being the oracle."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from access import template
from access.acl import Acl, Operation
from access.policy import parse
from access.rule import ROOT_POLICY, Policy
from access.template import Alias, Entity, Group
from bench.server import Asker, fresh

DIRECTIVES = """
    identity.entity.id identity.entity.name identity.entity.metadata.team identity.entity.metadata.none
    identity.entity.metadata.star identity.entity.metadata.slash identity.entity.metadata.empty identity.entity
    identity.entity.nothing identity.entity.metadata identity.entity.aliases.ACCESSOR.id
    identity.entity.aliases.ACCESSOR.name identity.entity.aliases.ACCESSOR.metadata.x
    identity.entity.aliases.ACCESSOR.custom_metadata.colour identity.entity.aliases.ACCESSOR.custom_metadata.none
    identity.entity.aliases.ACCESSOR identity.entity.aliases.other.name identity.groups.ids.GROUP.id
    identity.groups.ids.GROUP.name identity.groups.ids.GROUP.metadata.floor identity.groups.ids.GROUP.metadata.none
    identity.groups.ids.OUTER.name identity.groups.ids.STRANGE.name identity.groups.names.direct.id
    identity.groups.names.direct.name identity.groups.names.outer.name identity.groups.names.strange.name
    identity.groups.names.direct.metadata.floor identity.groups.names.direct identity.groups.names identity nothing
    IDENTITY.entity.id time.now
""".split()  # noqa: SIM905 - a list of names reads worse


@pytest.fixture(scope="module")
def asker() -> Iterator[Asker]:
    with fresh() as bao:
        yield Asker(bao)


class Person:
    """`bob` with an alias at userpass, in group `direct`, which is in group `outer`; `strange` is empty."""

    def __init__(self, asker: Asker, namespace: str = "") -> None:
        self.namespace = namespace

        def put(path: str, body: dict[str, Any]) -> Any:
            return (asker.admin("POST", path, body, namespace) or {}).get("data")

        put("sys/auth/userpass", {"type": "userpass"})
        self.accessor: str = asker.admin("GET", "sys/auth", namespace=namespace)["data"]["userpass/"]["accessor"]
        put("auth/userpass/users/bob", {"password": "pw-of-bob", "token_no_default_policy": True})
        metadata = {"team": "blue", "star": "x*", "slash": "x/y", "plus": "x+", "empty": ""}
        entity = put("identity/entity", {"name": "bob-entity", "metadata": metadata, "policies": ["tested"]})["id"]
        custom = {"colour": "green"}
        alias = {"name": "bob", "canonical_id": entity, "mount_accessor": self.accessor, "custom_metadata": custom}
        alias_id = put("identity/entity-alias", alias)["id"]
        floor = {"floor": "4"}
        direct = put("identity/group", {"name": "direct", "member_entity_ids": [entity], "metadata": floor})["id"]
        outer = put("identity/group", {"name": "outer", "member_group_ids": [direct]})["id"]
        self.strange: str = put("identity/group", {"name": "strange"})["id"]
        self.entity = Entity(
            entity,
            "bob-entity",
            metadata,
            (Alias(self.accessor, "bob", alias_id, custom_metadata=custom),),
            (Group(direct, "direct", floor, namespace), Group(outer, "outer", namespace=namespace)),
        )

    def login(self, asker: Asker) -> str:
        body = {"password": "pw-of-bob"}
        answer = asker.admin("POST", "auth/userpass/login/bob", body, self.namespace)
        token: str = answer["auth"]["client_token"]
        return token

    def filled(self, directive: str) -> str:
        direct, outer = self.entity.groups
        for mark, value in (("ACCESSOR", self.accessor), ("GROUP", direct.id), ("OUTER", outer.id)):
            directive = directive.replace(mark, value)
        return directive.replace("STRANGE", self.strange)


@pytest.fixture(scope="module")
def bob(asker: Asker) -> Person:
    return Person(asker)


def _differing(asker: Asker, token: str, acl: Acl, paths: list[str], namespace: str = "") -> list[str]:
    """Paths as asked in the namespace; the model has them whole."""
    given: dict[str, list[str]] = {}
    for some in (paths[n : n + 400] for n in range(0, len(paths), 400)):  # the server limits the strings of a body
        answers = asker.ask("POST", "sys/capabilities-self", {"paths": some}, token=token, namespace=namespace)
        assert answers.is_success, answers.text
        given |= answers.json()["data"]
    return [path for path in paths if sorted(given[path]) != sorted(acl.capabilities(namespace + path))]


def _templated(person: Person, without: tuple[str, ...] = ("star", "slash")) -> tuple[str, list[str]]:
    """A policy with each directive on a path of its own, and what to ask."""
    names = [person.filled(d) for d in DIRECTIVES if not d.endswith(without)]
    rules = [f'path "p{n}/{{{{{name}}}}}/x" {{ capabilities = ["read"] }}' for n, name in enumerate(names)]
    rules += [f'path "q{n}/{{{{ {name} }}}}*" {{ capabilities = ["list"] }}' for n, name in enumerate(names)]
    rules.append('path "self" { capabilities = ["read"] }\npath "sys/capabilities-self" { policy = "write" }')
    direct, outer = person.entity.groups
    alias = person.entity.aliases[0]
    values = {person.entity.id, "bob-entity", "blue", "x*", "x", "x/y", "bob", alias.id, "green", direct.id, "direct"}
    values |= {outer.id, "outer", "4", "strange", "", "{{" + names[0] + "}}"}
    asked = [f"p{n}/{value}/x" for n in range(len(names)) for value in values]
    asked += [f"q{n}/{value}{end}" for n in range(len(names)) for value in values for end in ("", "z")]
    return "\n".join(rules), [*asked, "self"]


def _put(asker: Asker, text: str, wildcards: bool, slashes: bool) -> Policy:
    allowed = {
        "allow_wildcards_in_identity_templates": wildcards,
        "allow_slashes_in_identity_templates": slashes,
    }
    asker.admin("PUT", "sys/policies/acl/tested", {"policy": text, **allowed})
    return replace(parse(text, "tested"), wildcards_in_templates=wildcards, slashes_in_templates=slashes)


@pytest.mark.parametrize(("wildcards", "slashes"), [(False, False), (True, False), (False, True), (True, True)])
def test_every_template(asker: Asker, bob: Person, wildcards: bool, slashes: bool) -> None:
    without = tuple(name for name, allowed in (("star", wildcards), ("slash", slashes)) if not allowed)
    text, asked = _templated(bob, without)
    policy = _put(asker, text, wildcards, slashes)
    acl = Acl([policy], bob.entity)
    assert len(acl.unresolved) > 10
    assert len(acl.grants) > 20
    assert not _differing(asker, bob.login(asker), acl, asked)
    assert _differing(asker, bob.login(asker), Acl([policy]), asked), "without the entity it must differ"


@pytest.mark.parametrize("end", ["/x", "*"])
@pytest.mark.parametrize("field", ["team", "star", "slash", "plus", "none"])
@pytest.mark.parametrize(("wildcards", "slashes"), [(False, False), (True, False), (False, True)])
def test_a_value_that_is_forbidden_refuses_everything(
    asker: Asker, bob: Person, field: str, end: str, wildcards: bool, slashes: bool
) -> None:
    """The server makes no ACL of it: what the other rules grant is refused too, with status 400."""
    text = f'path "p/{{{{identity.entity.metadata.{field}}}}}{end}" {{ policy = "read" }}\n'
    text += 'path "auth/token/lookup-self" { policy = "read" }'
    acl = Acl([_put(asker, text, wildcards, slashes)], bob.entity)
    allowed = asker.ask("GET", "auth/token/lookup-self", token=bob.login(asker)).is_success
    assert acl.allows(Operation.READ, "auth/token/lookup-self") is allowed
    assert bool(acl.forbidden) is not allowed


def test_a_wrong_template_is_caught(asker: Asker, bob: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    text, asked = _templated(bob)
    asker.admin("PUT", "sys/policies/acl/tested", {"policy": text})
    monkeypatch.setattr(template, "_of_group", lambda *_: None)
    assert _differing(asker, bob.login(asker), Acl([parse(text, "tested")], bob.entity), asked)


def test_namespaces(asker: Asker) -> None:
    asker.admin("POST", "sys/namespaces/one")
    asker.admin("POST", "sys/namespaces/two", namespace="one/")
    person = Person(asker, "one/")
    text, asked = _templated(person)
    text += '\npath "two/sys/capabilities-self" { capabilities = ["update"] }\npath "two/b/+" { policy = "read" }'
    text += '\npath "/c" { policy = "read" }\npath "+/d/*" { policy = "sudo" }'
    asker.admin("PUT", "sys/policies/acl/tested", {"policy": text}, "one/")
    acl = Acl([parse(text, "tested", namespace="one/")], person.entity)
    token = person.login(asker)
    asked += ["c", "two/b/x", "two/b/", "two/d/x", "b/x", "two/d", "d/x", "one/c"]
    assert not _differing(asker, token, acl, asked, "one/")
    assert not _differing(asker, token, acl, ["b/x", "b/", "c", "d/x", "two/b/x", "self"], "one/two/")
    assert _differing(asker, token, Acl([parse(text, "tested")], person.entity), ["c"], "one/")


def test_policies_of_a_parent_reach_below(asker: Asker) -> None:
    asker.admin("POST", "sys/namespaces/low")
    text = 'path "low/a/*" { capabilities = ["read"] }\npath "+/b" { capabilities = ["list"] }\n'
    text += 'path "low/sys/capabilities-self" { capabilities = ["update"] }\n'
    acl, token = Acl([parse(text, "above")]), asker.token({"above": text})
    assert not _differing(asker, token, acl, ["a/x", "b", "c", "low/a/x"], "low/")
    assert acl.allows(Operation.READ, "low/a/x")


def test_policies_and_stanzas_expire(asker: Asker) -> None:
    end = (datetime.now(UTC) + timedelta(seconds=3)).replace(microsecond=0)
    stamp = end.isoformat().replace("+00:00", "Z")
    short = 'path "a" { capabilities = ["read"] }'
    kept = f'path "b" {{ capabilities = ["read"]\n expiration = "{stamp}" }}\npath "b*" {{ capabilities = ["list"] }}\n'
    kept += 'path "sys/capabilities-self" { capabilities = ["update"] }'
    token = asker.token({"short": short, "kept": kept})
    asker.admin("PUT", "sys/policies/acl/short", {"policy": short, "expiration": stamp})
    policies = [replace(parse(short, "short"), expires=end), parse(kept, "kept")]
    now = datetime.now(UTC)
    assert now < end
    assert not _differing(asker, token, Acl(policies, now=now), ["a", "b"])
    time.sleep((end - datetime.now(UTC)).total_seconds() + 0.5)
    assert not _differing(asker, token, Acl(policies, now=datetime.now(UTC)), ["a", "b"])
    assert sorted(_differing(asker, token, Acl(policies, now=now), ["a", "b"])) == ["a", "b"]


def test_root_is_root_below_too_and_stands_alone(asker: Asker) -> None:
    asker.admin("POST", "sys/namespaces/under")
    root = Acl([Policy(ROOT_POLICY, (), "")])
    made = asker.admin("POST", "auth/token/create", {"policies": ["root"]})["auth"]["client_token"]
    for namespace in ("", "under/"):
        assert not _differing(asker, made, root, ["a", "sys/x", "b/"], namespace)
    with pytest.raises(ValueError, match="alone"):
        Acl([Policy(ROOT_POLICY, (), ""), Policy("b", (), "")])
