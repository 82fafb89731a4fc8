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

_WRITTEN = ["a", "b", "ab", "+", "+a", "a+", ""]
_ASKED = ["a", "b", "ab", "abc", "+", ""]
_CAPABILITIES = ["create", "read", "update", "delete", "list", "sudo", "patch", "scan"]


def _pattern(dice: random.Random) -> str:
    head = "/".join(dice.choice(_WRITTEN) for _ in range(dice.randint(1, 4)))
    return (head + dice.choice(["", "*", "/*", "/"])).replace("+*", "+/*")


def _policy(dice: random.Random, pool: list[str]) -> str:
    lines = []
    for _ in range(dice.randint(1, 6)):
        words = ["deny"] if dice.random() < 0.15 else dice.sample(_CAPABILITIES, dice.randint(0, 3))
        lines.append(f"path {json.dumps(dice.choice(pool))} {{ capabilities = {json.dumps(words)} }}")
    return "\n".join(lines) + "\n"


def compare(bao: OpenBao, seed: int, sets: int) -> tuple[int, list[str]]:
    """How many pairs were asked, and where the two differ."""
    token, dice = bao.root_token(), random.Random(seed)  # noqa: S311 - no secret
    asked = {
        "/".join(dice.choice(_ASKED) for _ in range(dice.randint(1, 5))) + dice.choice(["", "/"]) for _ in range(99)
    }
    paths, pairs, differing = sorted(asked - {""}), 0, []
    for _ in range(sets):
        pool = [_pattern(dice) for _ in range(dice.choice([6, 40]))]  # few: they meet on one; many: more shapes
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
