"""CODEOWNERS: the committed file is current, and a name that GitHub would read otherwise never gets into one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from policies.codeowners import codeowners
from policies.errors import InputError
from policies.load import load
from policies.model import Estate, Source, Workload
from policies.thresholds import security_team
from rotation.commands.codeowners import command

REPOSITORY = Path(__file__).resolve().parents[3]
SECURITY = "team-security"


@pytest.fixture(scope="module")
def estate() -> Estate:
    return load()


def _only(estate: Estate, file: str) -> Estate:
    one: Workload = replace(estate.workloads[0], owner="team-risk", source=Source(file, 1))
    return Estate((), (), (), (one,), (), ())


def test_the_committed_file_is_what_the_declarations_say(estate: Estate) -> None:
    committed = (REPOSITORY / ".github" / "CODEOWNERS").read_text()
    assert committed == codeowners(estate, "tradepulse", security_team()), "run what its first line says"


def test_the_owner_of_each_file_is_the_last_that_matches_it(estate: Estate) -> None:
    text = codeowners(estate, "tradepulse", SECURITY)
    lines = [line.split() for line in text.splitlines() if not line.startswith("#")]
    assert lines[0] == ["*", "@tradepulse/team-security"]
    assert lines[1:5] == [[p, "@tradepulse/team-platform"] for p in ("/docs/", "/reports/", "/tests/", "*.md")]
    assert lines[-1] == ["/policies/rego/", "@tradepulse/team-security"]
    told = {pattern: owners for pattern, *owners in lines}
    for secret in estate.secrets:
        assert told[f"/{secret.source.file}"] == [f"@tradepulse/{secret.owner}"]
    assert len(told) == len(lines), "no file twice"


def test_a_space_is_escaped(estate: Estate) -> None:
    text = codeowners(_only(estate, "staging/a b.yaml"), "tradepulse", SECURITY, below="declared")
    assert "\n/declared/staging/a\\ b.yaml @tradepulse/team-risk\n" in text


@pytest.mark.parametrize("odd", ["*", "a?", "[a]", "!a", "a #b", "a\\", "a\nb", "a\tb", "a\u202eb", "a\x1b[31m"])
def test_what_github_would_read_otherwise_is_refused(estate: Estate, odd: str) -> None:
    with pytest.raises(InputError, match="rename it") as refused:
        codeowners(_only(estate, f"staging/{odd}.yaml"), "tradepulse", SECURITY)
    assert str(refused.value).isprintable()


@pytest.mark.parametrize("organization", ["", "a b", "a/b", "-a", "a\n* @evil"])
def test_an_organization_is_a_name(estate: Estate, organization: str) -> None:
    with pytest.raises(InputError, match="no name of a GitHub organization"):
        codeowners(estate, organization, SECURITY)


def test_without_a_control_repository_security_owns_what_nobody_does(estate: Estate) -> None:
    assert "\n* @tradepulse/team-security\n" in codeowners(_only(estate, "staging/a.yaml"), "tradepulse", SECURITY)


def test_in_a_larger_repository_what_is_beside_the_product_is_not_securitys(estate: Estate) -> None:
    text = codeowners(estate, "tradepulse", SECURITY, "infra/a b", "infra/a b")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    top = "/infra/a\\ b/"
    assert lines[:3] == [
        "* @tradepulse/team-platform",
        f"{top} @tradepulse/team-security",
        f"{top}docs/ @tradepulse/team-platform",
    ]
    assert f"{top}**/*.md @tradepulse/team-platform" in lines
    assert lines[-2:] == ["/.github/ @tradepulse/team-security", f"{top}policies/rego/ @tradepulse/team-security"]


def test_check_says_what_differs_and_a_run_mends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    declared = tmp_path / "declared"
    (declared / "staging").mkdir(parents=True)
    (tmp_path / ".git").mkdir()
    found = REPOSITORY / "policies" / "access" / "staging" / "workload-ingest-staging.yaml"
    (declared / "staging" / "w.yaml").write_text(found.read_text())
    monkeypatch.setenv("PORTCULLIS_DECLARATIONS", str(declared))
    asked = ["--organization", "tradepulse"]
    stale = CliRunner().invoke(command, [*asked, "--check"])
    assert stale.exit_code == 1
    assert "+/declared/staging/w.yaml @tradepulse/team-market-data" in stale.output
    assert not (tmp_path / ".github").exists()
    assert json.loads(CliRunner().invoke(command, [*asked, "--json"]).output)["written"] is True
    current = CliRunner().invoke(command, [*asked, "--check"])
    assert (current.exit_code, "is current" in current.output) == (0, True)
