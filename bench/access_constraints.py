"""`python -m bench.access_constraints`: parameters, wrapping and page sizes of random requests at a KV v1 engine, which
takes any field, against `permits`; also over rules that several policies have on one path.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import click
import httpx

from access.acl import Acl, Operation
from access.permits import permits
from access.policy import parse
from bench.server import Asker, fresh, told
from sandbox.services.openbao import OpenBao

_NAMES = ["a", "A", "b", "Bc", "*", "limit"]
_VALUES: list[Any] = ["x", "xy", "zx", "x*", "*x", "*y*", "*", "", True, False, 1, 1.5, ["x"], ["x*"], [True], [[]]]
_GIVEN: list[Any] = [
    "x",
    "xy",
    "zx",
    "axyb",
    "",
    "*",
    True,
    False,
    1,
    1.5,
    None,
    ["x"],
    ["x"],
    ["xy"],
    [True],
    [[]],
    {"k": "x"},
]
_TTLS = ["1s", "10s", "60", "-1s", 5, 0]
_METHODS = {
    "GET": Operation.READ,
    "POST": Operation.UPDATE,
    "DELETE": Operation.DELETE,
    "LIST": Operation.LIST,
    "SCAN": Operation.SCAN,
}


def _parameters(dice: random.Random) -> str:
    names = {name.lower(): name for name in dice.sample(_NAMES, dice.randint(0, 3))}.values()
    lists = {name: json.dumps(dice.sample(_VALUES, dice.choice([0, 1, 2, 4, 6]))) for name in names}
    return "{" + "\n".join(f"{json.dumps(name)} = {values}" for name, values in lists.items()) + "}"


def _policy(dice: random.Random) -> str:
    """Half of them with values alone, so that these decide."""
    lines = [f"capabilities = {json.dumps(['deny'] if dice.random() < 0.05 else ['read', 'update', 'delete', 'list'])}"]
    if dice.random() < 0.5:
        lines[0] = lines[0].replace('"list"', '"list", "scan"')
    for name in ("allowed_parameters", "denied_parameters"):
        if dice.random() < 0.5:
            lines.append(f"{name} = {_parameters(dice)}")
    if dice.random() < 0.5:
        return _stanza(lines)
    if dice.random() < 0.2:
        lines.append(f"required_parameters = {json.dumps(dice.sample(_NAMES, dice.randint(0, 2)))}")
    if dice.random() < 0.15:
        lines.append(f"min_wrapping_ttl = {json.dumps(dice.choice(_TTLS[:3]))}")
    elif dice.random() < 0.2:
        lines.append(f"max_wrapping_ttl = {json.dumps(dice.choice(_TTLS))}")
    if dice.random() < 0.3:
        lines.append(f"pagination_limit = {dice.choice([0, 2, 10, -1])}")
    return _stanza(lines)


def _stanza(lines: list[str]) -> str:
    return 'path "kv1/x" {\n' + "\n".join(lines) + "\n}\n"


def _request(dice: random.Random) -> tuple[str, dict[str, Any], float | None]:
    """Method, parameters, wrapping TTL in seconds."""
    method = dice.choice(["GET", "POST", "POST", "POST", "DELETE", "LIST", "SCAN"])
    names = dice.sample(["a", "A", "b", "bc", "Bc"], dice.choice([0, 1, 1, 2]))
    given = {name: dice.choice(_GIVEN) for name in names}
    if method != "POST":
        given = {name: value for name, value in given.items() if isinstance(value, str)}
    if dice.random() < 0.4:
        given["limit"] = dice.choice(["0", "1", "2", "11", "max", "-1", "x", "+1", "02"])
    return method, given, dice.choice([None, None, None, 1, 5, 30, 100])


@dataclass(frozen=True)
class Answer:
    """Of the server, to a request of whoever has the policies `texts`, by name."""

    texts: dict[str, str]
    method: str
    given: dict[str, Any]
    wrap_ttl: float | None
    allowed: bool


def asked(bao: OpenBao, seed: int, sets: int) -> Iterator[Answer]:
    """25 random requests for each of `sets` random sets of policies."""
    asker, dice = Asker(bao), random.Random(seed)  # noqa: S311 - no secret
    with suppress(httpx.HTTPStatusError):  # mounted before
        asker.admin("POST", "sys/mounts/kv1", {"type": "kv", "options": {"version": "1"}})
    asker.admin("POST", "kv1/x", {"a": "x"})
    for _ in range(sets):
        texts = {f"constraints-{n}": _policy(dice) for n in range(dice.choice([1, 1, 2, 3]))}
        token = asker.token(texts)
        for _ in range(25):
            method, given, wrap_ttl = _request(dice)
            wrap = f"{wrap_ttl}s" if wrap_ttl else ""
            if method == "POST":
                allowed = asker.allowed(method, "kv1/x", given, token=token, wrap_ttl=wrap)
            else:
                path = str(httpx.URL("kv1/x", params=given))
                allowed = asker.allowed(method, path, token=token, wrap_ttl=wrap)
            if allowed and method == "DELETE":
                asker.admin("POST", "kv1/x", {"a": "x"})
            yield Answer(texts, method, given, wrap_ttl, allowed)


def differing(answers: Iterable[Answer]) -> list[str]:
    """Where `permits` and the server differ."""
    found = []
    for answer in answers:
        if answer.allowed is not _ours(answer):
            request = f"{answer.method} {answer.given} wrapped {answer.wrap_ttl}"
            found.append(f"{request}: server {answer.allowed}, policies:\n" + "".join(answer.texts.values()))
    return found


def _ours(answer: Answer) -> bool:
    operation = _METHODS[answer.method]
    acl = Acl([parse(text, name) for name, text in answer.texts.items()])
    grant = acl.grant(operation, "kv1/x")
    has = grant is not None and operation.value in grant.capabilities
    return has and grant is not None and permits(grant.constraints, operation, answer.given, answer.wrap_ttl)


@click.command()
@click.option("--sets", default=200, show_default=True, help="Sets of policies, 25 requests each.")
@click.option("--seed", default=1, show_default=True)
def main(sets: int, seed: int) -> None:
    """Exit 1 if the model and the server differ anywhere."""
    with fresh() as bao:
        answers = list(asked(bao, seed, sets))
    told(len(answers), sum(a.allowed for a in answers), differing(answers))


if __name__ == "__main__":
    main()
