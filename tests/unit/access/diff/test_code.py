"""Changed code is one line, however much there is of it."""

from __future__ import annotations

from access.diff.change import Risk
from access.diff.code import of_code
from access.diff.markdown import markdown, said
from access.diff.sarif import sarif

FILES = tuple(f"access/{number:05}.py" for number in range(5_000))


def test_one_line_with_the_count_and_the_first_of_them() -> None:
    (one,) = of_code(FILES)
    assert (one.subject, one.risk, one.widens, one.owner, one.production) == (
        "code that decides access",
        Risk.HIGH,
        True,
        "",
        True,
    )
    assert said(one) == f"5000 files: {', '.join(FILES[:5])}, …"
    assert one.to_json()["files"] == FILES
    assert len(markdown([one], "base", "head")) < 1_000
    (result,) = sarif([one])["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == FILES[0]


def test_one_file_is_named_whole() -> None:
    (one,) = of_code(["Makefile"])
    assert said(one) == "1 file: Makefile"


def test_none_is_no_line() -> None:
    assert of_code(()) == ()
