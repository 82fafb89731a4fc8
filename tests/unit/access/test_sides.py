"""The policy `default` of a server against the one that a server makes."""

from __future__ import annotations

from access.default import DEFAULT
from access.diff.changes import Side, changes
from access.policy import parse
from access.snapshot import Attached, Principal, PrincipalKind, Snapshot
from access.sources.sides import answered, apart

OWN = Attached(parse('path "a" { capabilities = ["read"] }', "own", name="own"), "role")
CODE = Side(Snapshot((Principal(PrincipalKind.LOGIN_ROLE, "r", (OWN,)),)))


def _server(more: str = "", without: str = "") -> Side:
    rules = "".join(
        f'path "{path}" {{ capabilities = [{", ".join(f"{chr(34)}{w}{chr(34)}" for w in words)}] }}\n'
        for path, words in DEFAULT.items()
        if path != without
    )
    every = Attached(parse(rules + more, "sys/policies/acl/default", name="default"), "every token")
    login = Principal(PrincipalKind.LOGIN_ROLE, "r", (OWN, every))
    return Side(apart(Snapshot((login, Principal(PrincipalKind.TOKEN_ROLE, "t with a, without default", ())))))


def test_what_default_grants_beyond_the_one_that_a_server_makes() -> None:
    for more in (
        'path "sys/raw/*" { capabilities = ["update"] }',
        'path "cubbyhole/*" { capabilities = ["sudo"] }',
        'path "secret/{{identity.entity.name}}" { capabilities = ["read"] }',
    ):
        server = _server(more)
        (one,) = changes(answered(CODE, server, applied=False), server, follow=False)
        assert (one.subject, one.widens) == ("policy default", True)
        assert changes(server, answered(CODE, server, applied=True), follow=False) == ()


def test_a_default_that_grants_no_more_is_no_change() -> None:
    for server in (_server(), _server(without="sys/control-group/request")):
        assert changes(answered(CODE, server, applied=False), server, follow=False) == ()
    gone = Side(apart(CODE.snapshot))
    assert changes(answered(CODE, gone, applied=False), gone, follow=False) == ()
