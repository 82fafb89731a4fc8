"""What is said on a pull request: bounded, harmless, the verdict before what may be cut off."""

from __future__ import annotations

from pathlib import Path

import pytest

from policies.errors import InputError
from rotation.approving.question import read_diff, teams
from rotation.approving.verdict import LONGEST_STATUS, comment, description, read_comment

DIFF = "<!-- portcullis access diff -->\n### Access: 1 wider\n"


def test_the_verdict_stands_between_marker_and_diff() -> None:
    assert comment(DIFF, ()).splitlines()[:2] == ["<!-- portcullis access diff -->", "### Approved"]
    said = comment(DIFF, ["team-risk: 0 of 1"])
    assert said.index("Not approved yet") < said.index("team-risk") < said.index("1 wider")


def test_names_from_a_diff_do_nothing() -> None:
    said = comment(DIFF, ["@tradepulse/all <img src=x> [a](b) | `c` \x1b[31m"])
    assert not any(mark in said.splitlines()[3] for mark in ("@", "<img", "[a]", "|", "`", "\x1b"))


def test_what_is_long_is_cut_and_the_verdict_is_not() -> None:
    said = comment(DIFF + "x" * 70_000, ["m" * 1_000] * 50)
    assert len(said) <= 65_536
    assert "40 more" in said
    assert len(description(["m" * 1_000])) == LONGEST_STATUS


@pytest.mark.parametrize("text", ["", "### no marker", "<!-- other -->\n", "\n<!-- portcullis access diff -->"])
def test_a_comment_without_its_marker_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "comment.md").write_text(text)
    with pytest.raises(InputError, match="no marker"):
        read_comment(tmp_path / "comment.md")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"changes": {}}', '{"changes": [1]}', "\xff"])
def test_what_is_no_diff_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "diff.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=r"diff\.json"):
        read_diff(str(tmp_path / "diff.json"))


def test_whoever_may_be_asked_for_is_asked_about() -> None:
    changes = [{"owner": "team-a", "what": "x"}, {"owner": "", "what": "owner", "before": "team-b"}, {"owner": None}]
    assert teams({"changes": changes}, "team-s") == ["team-a", "team-b", "team-s"]
