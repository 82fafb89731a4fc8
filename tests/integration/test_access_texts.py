"""What the server accepts, and what that then grants, against our readers: random texts, and what people write."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

import access.acl
from access import hcl1, jsontext, policy
from access.policy import parse
from access.stanza import Arguments
from bench.access_texts import ASKED, compare, random_texts
from bench.server import fresh
from sandbox.services.openbao import OpenBao

CORPUS = sorted((Path(__file__).parents[1] / "corpus/policies").iterdir())


@pytest.fixture(scope="module")
def bao() -> Iterator[OpenBao]:
    with fresh() as made:
        yield made


def _first_only(self: Arguments, name: str) -> tuple[str, ...]:
    return tuple(str(v) for i in self._items.get(name, ())[:1] for v in self._list(i, i.value))


PLANTS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "escapes kept": lambda m: m.setattr(hcl1, "unquote", lambda _source, _at, text, **_: text[1:-1]),
    "heredoc without its newline": lambda m: m.setattr(hcl1, "heredoc", lambda _dash, body, _indent: body.strip()),
    "write lists nothing": lambda m: m.setitem(policy._SHORTHAND, "write", ("create", "read", "update", "delete")),
    "the first of two lists counts": lambda m: m.setattr(Arguments, "strings", _first_only),
    "lists of objects are not folded": lambda m: m.setattr(jsontext, "_unfold", lambda item: [item]),
    "nothing expires": lambda m: m.setattr(access.acl, "_past", lambda _expires, _now: False),
}


def test_readers_and_server_agree(bao: OpenBao) -> None:
    tally = compare(bao, random_texts(seed=11, count=1500, odds=0.02))
    assert not tally.differing
    assert tally.read > 600
    assert tally.answers[False, "refused"] > 300
    assert tally.unread_share < 0.1


@pytest.mark.parametrize("planted", PLANTS)
def test_a_wrong_reader_is_caught(bao: OpenBao, monkeypatch: pytest.MonkeyPatch, planted: str) -> None:
    PLANTS[planted](monkeypatch)
    assert compare(bao, random_texts(seed=11, count=1000, odds=0.02)).differing


@pytest.mark.parametrize("file", CORPUS, ids=[file.name for file in CORPUS])
def test_corpus(bao: OpenBao, file: Path) -> None:
    text = file.read_bytes().decode()
    tally = compare(bao, [text], [*ASKED, *_asked(text, file.name)])
    assert not tally.differing
    expected = {"refused": (False, "refused"), "unread": (True, "unsupported")}
    assert tally.answers == {expected.get(file.name.partition("-")[0], (True, "ok")): 1}


def _asked(text: str, name: str) -> list[str]:
    """What its own rules match and what is around that."""
    if name.startswith(("refused-", "unread-")):
        return []
    paths = [rule.path for rule in parse(text, name, now=datetime.now(UTC)).rules]
    found = {path.replace("+", one).removesuffix("*") + end for path in paths for one in ("x", "+") for end in _ENDS}
    return sorted(found - {""})


_ENDS = ("", "/", "y", "y/z", "*", "/b", "b/c")
