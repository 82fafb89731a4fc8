"""A diff in a comment and in SARIF: whatever a name holds, it is text, and there is never too much of it."""

from __future__ import annotations

from dataclasses import replace

from access.diff.change import Change, Risk
from access.diff.markdown import LIMIT, MARKER, markdown
from access.diff.sarif import sarif
from access.snapshot import Place

EVIL = "x</code>|@team-security `y` [z](https://evil)\n# \x1b[2J\u202e<img src=x>"
ONE = Change(
    "workload x",
    EVIL,
    Risk.HIGH,
    True,
    "wildcard",
    Place("policies/access/production/a b.yaml", 7),
    gained=("read",),
    witness=("read", EVIL),
)


def test_a_hostile_name_is_text() -> None:
    shown = markdown([ONE], EVIL, "HEAD")
    (row,) = (line for line in shown.splitlines() if line.startswith("| <code>high"))
    assert row.count("|") == 7
    for forbidden in ("</code>|", "@team", "`", "](", "<img", "\x1b", "\u202e", "# "):
        assert forbidden not in row, forbidden
    assert shown.startswith(f"{MARKER}\n")


def test_it_fits_into_a_comment_and_says_what_is_left_out() -> None:
    shown = markdown([ONE] * 5000, "base", "head")
    assert len(shown) <= LIMIT
    assert " more: run `portcullis access diff`" in shown


def test_nobody_gains_or_loses() -> None:
    assert "nobody gains or loses" in markdown([], "base", "head")


def test_who_follows_alone_is_not_nobody() -> None:
    shown = markdown([replace(ONE, follows=True)] * 2, "base", "head")
    assert "nobody gains or loses anything but the product's own identities, in 2 rules" in shown


def test_sarif_points_at_the_line_that_gives() -> None:
    (run,) = sarif([ONE])["runs"]
    (result,) = run["results"]
    place = result["locations"][0]["physicalLocation"]
    assert (place["artifactLocation"]["uri"], place["region"]) == (
        "policies/access/production/a%20b.yaml",
        {"startLine": 7},
    )
    assert result["level"] == "error"
    assert "\\[z\\](" in result["message"]["text"]
