"""What a declaration's text may not hold, and that what it may hold reads back equal."""

from __future__ import annotations

import contextlib
import time

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from policies import fields
from policies.document import MAX_BYTES, MAX_DEPTH, Refused, parse

_TEXT = st.text(st.characters(codec="ascii", categories=("Lu", "Ll")), min_size=1, max_size=8).map(lambda s: f"x{s}")
_DATA = st.recursive(
    st.booleans() | st.integers(0, 999_999_999) | _TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(_TEXT, _DATA, max_size=5))
def test_plain_data_reads_back_equal(data: dict[str, object]) -> None:
    assert parse(yaml.safe_dump(data)).data == data


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a: 1\nb: !!python/object/apply:os.system [id]\n", 2, "a tag"),
        ("a: &x [1]\n", 1, "an anchor"),
        ("a: 1\nb: *x\n", 2, "an alias"),
        ("a: 1\nb: 2\na: 3\n", 3, "twice"),
        ("[1]: 2\n", 1, "not plain text"),
        ("a: [\n", 2, "not valid YAML"),
        ("a: \x07\n", 1, "not valid YAML"),
        ("a: \ud800\n", 1, "not valid YAML"),
        ('a: 1\nb: "\\e[31m"\n', 2, "a control character"),
        ('"\\0": 1\n', 1, "a control character"),
        ("a: 1\n&x b: 2\n", 2, "an anchor"),
        ("? *x\n: 1\n", 1, "not plain text"),
        ("!!str a: 1\n", 1, "not plain text"),
        ("a: 1\n---\nb: 2\n", 1, "not exactly one document"),
        ("", 1, "not exactly one document"),
        ("[" * 40 + "]" * 40, 1, "nested deeper"),
        ("a:\n " + "[" * 60_000, 2, "nested deeper"),
        ("- " * 30_000, 1, "nested deeper"),
        ("{a: " * 15_000, 1, "nested deeper"),
        ("a: " + "x" * MAX_BYTES, 1, "larger than"),
    ],
)
def test_refused_with_its_line(text: str, line: int, message: str) -> None:
    with pytest.raises(Refused) as caught:
        parse(text)
    assert message in caught.value.message
    assert caught.value.line == line
    assert caught.value.remedy


def test_depth_is_capped_while_reading() -> None:
    """Or the 64 KB of a pull request's file would cost seconds each."""
    began = time.process_time()
    with pytest.raises(Refused, match="nested deeper"):
        parse("[" * 60_000)
    assert time.process_time() - began < 1


def test_what_is_just_deep_enough_is_read() -> None:
    assert parse("[" * MAX_DEPTH + "1" + "]" * MAX_DEPTH).data
    with pytest.raises(Refused, match="nested deeper"):
        parse("[" * MAX_DEPTH + "[1]" + "]" * MAX_DEPTH)


@pytest.mark.parametrize("text", ["no", "1e3", "007", "0x10", "null", "~", "1_000", "-1", "1.5", "9999999999"])
def test_what_is_not_plainly_a_number_stays_as_written(text: str) -> None:
    assert parse(f"a: {text}\n").data == {"a": text}


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Nothing but Refused comes out, whatever goes in."""
    with contextlib.suppress(Refused):
        parse(text)


def test_line_of_a_field_that_is_missing_is_its_parents() -> None:
    lines = parse("x: 1\na:\n  - b: 1\n    c:\n      - 1\n      - 2\n").lines
    for path, expected in (
        (("a", 0, "c", 1), 6),
        (("a", 0, "c", 9, "z"), 4),
        (("a", 0, "c"), 4),
        (("a", 0, "missing"), 3),
        (("a", 7), 2),
        (("gone", 0), 1),
        ((), 1),
    ):
        assert fields.line(lines, fields.named(path)) == expected, path
    assert fields.named(("spec", "workloads", 2, "capabilities", 0)) == "spec.workloads[2].capabilities[0]"
