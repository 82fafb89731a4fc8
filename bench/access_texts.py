"""`python -m bench.access_texts`: policy readers against a real server: what is accepted, and what it grants."""

from __future__ import annotations

import random
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import click

from access.acl import Acl
from access.errors import RefusedPolicyError, UnsupportedPolicyError
from access.policy import parse
from bench.server import fresh
from bench.texts_hcl import HclTexts
from bench.texts_json import JsonTexts
from policies.errors import Unreachable
from sandbox.services.openbao import OpenBao

ASKED = ["a", "a/", "a/b", "a/b/", "a/b/c", "a/x/c", "a/x/cd", "b", "b/b", "ä/b", "path", "x", "name", "capabilities"]
FORMS = {
    "not JSON": "not JSON",
    "escape in JSON": "an escape that the server does not know",
    "list or word in a JSON list": "the server drops ",
    "number": "write .* as a plain decimal number|.* is too large a number|.*: write a plain decimal number",
    "time": ".*: write the time as",
    "`${`": "write the string without",
    "half a character": ".* is half a character",
    "bare name beyond ASCII": "put the name that begins with",
    "nothing after `=`": "nothing is assigned to",
    "TTL twice": ".*: written twice",
    "parameter twice": ".*: write each parameter once",
    "object for a list": ".*: a list is expected, not an object",
    "argument with two names": r".*: write it as `",
    "illegal character in JSON": "illegal character",
    "depth": "nested more than",
    "key filter": "write the filter with",
    "control group": "control_group",
}
"""Every form that may be left unread, by the reason that is given."""


@dataclass
class Tally:
    """`answers`: by (server accepts, ours: ok, refused, unsupported). `unread`: of what the server accepts."""

    answers: Counter[tuple[bool, str]] = field(default_factory=Counter)
    unread: Counter[str] = field(default_factory=Counter)
    differing: list[str] = field(default_factory=list)

    @property
    def texts(self) -> int:
        return self.answers.total()

    @property
    def read(self) -> int:
        return self.answers[True, "ok"]

    @property
    def unread_share(self) -> float:
        """Of the texts that the server accepts."""
        return self.unread.total() / max(1, self.read + self.unread.total())


def random_texts(seed: int, count: int, odds: float) -> Iterator[str]:
    dice = random.Random(seed)  # noqa: S311 - no secret
    kinds = [HclTexts(dice, odds), HclTexts(dice, odds), JsonTexts(dice, odds)]
    return (dice.choice(kinds).text() for _ in range(count))


def compare(bao: OpenBao, texts: Iterable[str], asked: Iterable[str] = ASKED) -> Tally:
    tally, token, paths = Tally(), bao.root_token(), list(asked)
    body = {"policies": ["texts"], "no_default_policy": True, "type": "batch"}
    held = bao.call("POST", "auth/token/create", body, token=token)["auth"]["client_token"]
    for text in texts:
        accepted = _accepted(bao, text, token)
        now = datetime.now(UTC)
        try:
            acl = Acl([parse(text, "text", name="texts", now=now)], now=now)
        except RefusedPolicyError as error:
            tally.answers[accepted, "refused"] += 1
            if accepted:
                tally.differing.append(f"refused by us only: {error}\n{text}")
        except UnsupportedPolicyError as error:
            tally.answers[accepted, "unsupported"] += 1
            if accepted:
                tally.unread[_form(error)] += 1
        else:
            tally.answers[accepted, "ok"] += 1
            if not accepted:
                tally.differing.append(f"refused by the server only:\n{text}")
                continue
            answers = bao.call("POST", "sys/capabilities", {"token": held, "paths": paths}, token=token)["data"]
            wrong = [p for p in paths if sorted(answers[p]) != sorted(acl.capabilities(p))]
            tally.differing += [f"{p!r}: server {answers[p]}, model {acl.capabilities(p)}\n{text}" for p in wrong[:1]]
    return tally


def _accepted(bao: OpenBao, text: str, token: str) -> bool:
    """Some texts crash the server's reader, which drops the connection and stores nothing."""
    try:
        bao.call("PUT", "sys/policies/acl/texts", {"policy": text}, token=token)
    except Unreachable as error:
        if not re.search(r": 400 |RemoteProtocolError", str(error)):
            raise
        return False
    return True


def _form(error: UnsupportedPolicyError) -> str:
    """Raises StopIteration for a form that is not listed."""
    return next(form for form, reason in FORMS.items() if re.match(reason, error.reason, re.S))


@click.command()
@click.option("--texts", default=4000, show_default=True, help="How many, one in three in JSON.")
@click.option("--odds", default=0.02, show_default=True, help="Of each oddity; 0: well-formed texts.")
@click.option("--seed", default=1, show_default=True)
def main(texts: int, odds: float, seed: int) -> None:
    """Exit 1 if the readers and the server differ anywhere."""
    with fresh() as bao:
        tally = compare(bao, random_texts(seed, texts, odds))
    click.echo("\n\n".join(tally.differing[:10]))
    unread = ", ".join(f"{form} {count}" for form, count in tally.unread.most_common())
    click.echo(f"{tally.texts} texts, {tally.read} read by both, {len(tally.differing)} disagreements")
    click.echo(f"not read though accepted: {tally.unread_share:.1%} ({unread})")
    sys.exit(1 if tally.differing or not tally.read else 0)


if __name__ == "__main__":
    main()
