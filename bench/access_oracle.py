"""`python -m bench.access_oracle`: the access model against a real server, many thousands of (policies, path) pairs."""

from __future__ import annotations

import json
import random
import sys

import click

from access.acl import Acl
from access.policy import parse
from bench.server import fresh
from sandbox.services.openbao import OpenBao

_SEGMENTS = ["a", "b", "ab", "abc", "+a", "a+", ""]
_CAPABILITIES = ["create", "read", "update", "delete", "list", "sudo", "patch", "scan"]


def _path(dice: random.Random) -> str:
    return "/".join(dice.choice(_SEGMENTS[: dice.choice([2, 4, 7])]) for _ in range(dice.randint(2, 6)))


def _pattern(dice: random.Random, path: str) -> str:
    """One that matches the path, or nearly: several of one path meet on it."""
    segments = [s if dice.random() < 0.6 else "+" for s in path.split("/")]
    match dice.randrange(6):
        case 0 | 1:
            end = ""
        case 2:
            del segments[dice.randint(1, len(segments)) :]
            end = "/*"
        case 3:
            segments[-1] = path.split("/")[-1]
            segments[-1] = segments[-1][: dice.randint(0, len(segments[-1]))]
            end = "*"
        case 4:
            end = "/"
        case _:
            end = dice.choice(["*", "/*", "/+", "+", "/a"])
    return ("/".join(segments) + end).replace("+*", "+/*")


def _alike(dice: random.Random, path: str) -> str:
    """One that differs from others of the path in length and letters alone."""
    first, *segments = path.split("/")
    segments[dice.randrange(len(segments))] = "+"
    return "/".join(["+", *segments]) + ("/*" if first == "a" else "")


def _around(dice: random.Random, path: str) -> set[str]:
    longer, shorter = f"{path}/{dice.choice(_SEGMENTS)}", path.rpartition("/")[0]
    bare = {path, longer, shorter, path + dice.choice("abc"), path[:-1]}
    return {found for one in bare for found in (one, one + "/") if found.strip("/")}


def _policy(dice: random.Random, pool: list[str]) -> str:
    lines = []
    for _ in range(dice.randint(6, 30)):
        words = ["deny"] if dice.random() < 0.15 else dice.sample(_CAPABILITIES, dice.randint(0, 3))
        lines.append(f"path {json.dumps(dice.choice(pool))} {{ capabilities = {json.dumps(words)} }}")
    return "\n".join(lines) + "\n"


def compare(bao: OpenBao, seed: int, sets: int) -> tuple[int, list[str]]:
    """How many pairs were asked, and where the two differ."""
    token, dice = bao.root_token(), random.Random(seed)  # noqa: S311 - no secret
    pairs, differing = 0, []
    for _ in range(sets):
        bases = [_path(dice) for _ in range(9)]
        paths = sorted(set().union(*(_around(dice, path) for path in bases)))
        shape = dice.choice([_pattern, _pattern, _alike])
        pool = [shape(dice, path) for path in bases for _ in range(dice.choice([2, 6]))]
        texts = {f"oracle-{n}": _policy(dice, pool) for n in range(dice.randint(1, 3))}
        for name, text in texts.items():
            bao.call("PUT", f"sys/policies/acl/{name}", {"policy": text}, token=token)
        body = {"policies": list(texts), "no_default_policy": True, "type": "batch"}
        held = bao.call("POST", "auth/token/create", body, token=token)["auth"]["client_token"]
        answers = bao.call("POST", "sys/capabilities", {"token": held, "paths": paths}, token=token)["data"]
        acl = Acl([parse(text, name) for name, text in texts.items()])
        pairs += len(paths)
        for path in paths:
            if sorted(answers[path]) != (ours := sorted(acl.capabilities(path))):
                differing.append(f"{path!r}: server {sorted(answers[path])}, model {ours}, policies {texts}")
    return pairs, differing


@click.command()
@click.option("--sets", default=200, show_default=True, help="Sets of policies, each asked of some 90 paths.")
@click.option("--seed", default=1, show_default=True)
def main(sets: int, seed: int) -> None:
    """Exit 1 if the model and the server differ anywhere."""
    with fresh() as bao:
        pairs, differing = compare(bao, seed, sets)
    click.echo("\n".join([*differing[:10], f"{pairs} pairs, {len(differing)} disagreements"]))
    sys.exit(1 if differing or not pairs else 0)


if __name__ == "__main__":
    main()
