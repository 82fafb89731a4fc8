"""The access diff of pull requests that widen in one way each: every kind is named alone, and when all of them are
merged and applied, real servers grant what they refused before."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from drill.stack import pulumi
from policies.load import ACCESS
from sandbox.environment import Sandbox
from sandbox.estate import prepare
from tests.integration.widening import ELSEWHERE, Tried, committed, diff, git, repository

KEY, LIMITS = "staging/exchange-trading-key-staging.yaml", "production/risk-limits-token.yaml"
DAILY, LEASES = "production/analytics-readonly.yaml", "production/treasury-readonly.yaml"
INFRA = "production/repository-tradepulse-infra.yaml"
TRADER, INGEST, KEY_PATH = "execution-engine-staging", "ingest-staging", "staging/secret/data/trading/exchange"
APPROVERS = ("omar-dev", "sre-oncall")
DAILY_PATH, LEASES_PATH = "database/creds/analytics-readonly", "database/creds/treasury-readonly"
GRANT = "    - workload: execution-engine-staging\n      capabilities: [read]\n"

PULLS: dict[str, tuple[str, str, str, str, str]] = {
    "direct": (KEY, GRANT, GRANT + GRANT.replace(TRADER, INGEST), f"workload {INGEST}", KEY_PATH),
    "capability": (KEY, "[read]", "[read, update]", f"workload {TRADER}", KEY_PATH),
    "statement": (DAILY, "grant: analytics", "grant: readonly", f"secret {DAILY_PATH}", "SQL statements"),
    "lease": (LEASES, "default: 1h", "default: 2h", f"secret {LEASES_PATH}", "TTL, default"),
    "token": (
        "production/workload-risk-engine.yaml",
        "default: 1h",
        "default: 3h",
        "workload risk-engine",
        "TTL, default",
    ),
    "incident": (LIMITS, "access: deny", "access: keep", f"secret {ELSEWHERE}", "access in an incident"),
    "approvals": (
        INFRA,
        "requiredApprovals: 3",
        "requiredApprovals: 2",
        "repository tradepulse-infra",
        "approvals that a merge needs",
    ),
    "mergers": (
        INFRA,
        "sre-oncall]",
        "sre-oncall, omar-dev]",
        "repository tradepulse-infra",
        "who merges in an incident",
    ),
}
"""By kind: file, what stands there, what is proposed; and who and what the diff names."""


@dataclass(frozen=True)
class Proposed:
    folder: Path

    def git(self, *words: str) -> None:
        git(self.folder, *words)

    def edit(self, kind: str) -> None:
        file, old, new, *_ = PULLS[kind]
        text = (self.folder / file).read_text()
        assert old in text
        (self.folder / file).write_text(text.replace(old, new, 1))


@pytest.fixture(scope="module")
def proposed(tmp_path_factory: pytest.TempPathFactory) -> Proposed:
    """A repository with a branch for each kind, and `all` with all of them. Its base asks for one approval more than
    the example, whose number is the least that is allowed."""
    made = Proposed(repository(tmp_path_factory.mktemp("checkout") / "access"))
    shutil.copytree(ACCESS, made.folder, dirs_exist_ok=True)
    infra = made.folder / INFRA
    infra.write_text(infra.read_text().replace("requiredApprovals: 2", "requiredApprovals: 3"))
    committed(made.folder, "base")
    for branch, kinds in {**{kind: [kind] for kind in PULLS}, "all": list(PULLS)}.items():
        made.git("checkout", "-q", "-b", branch, "main")
        for kind in kinds:
            made.edit(kind)
        made.git("commit", "-qam", "Widen")
    return made


@pytest.mark.parametrize("kind", PULLS)
def test_each_is_named_alone(proposed: Proposed, env: dict[str, str], kind: str) -> None:
    *_, subject, what = PULLS[kind]
    argv = ("--folder", str(proposed.folder), "main")
    code, (one,), _ = diff(env, *argv, kind)
    assert code == 1
    assert (one["subject"], one["what"], one["widens"]) == (subject, what, True)
    if kind in ("direct", "capability"):
        assert one["witness"] == {"operation": "read" if kind == "direct" else "update", "path": what}
    assert diff(env, *argv, "main") == (0, [], "")


def _requests(tried: Tried, folder: Path, when: str) -> dict[str, bool | int]:
    """By kind, what the servers say now: granted or not, or for how many seconds. `folder`: what is applied."""
    trader, key = tried.logged_in(TRADER)["client_token"], {"data": {"value": "another"}}
    with tried.gate_of(folder):
        in_incident = tried.granted("risk-engine")
    return {
        "direct": tried.granted(INGEST, KEY_PATH),
        "capability": tried.allowed(lambda: tried.write(trader, KEY_PATH, key)),
        "statement": tried.runs("analytics-api", "analytics-readonly", "SELECT count(*) FROM trading.fills"),
        "lease": tried.lease_seconds("treasury-report", "treasury-readonly"),
        "token": tried.logged_in("risk-engine")["lease_duration"],
        "incident": in_incident,
        "approvals": tried.merged("tradepulse-infra", f"incident/{when}", "sic-lead", APPROVERS),
        "mergers": tried.push("omar-dev", tried.github_token("omar-dev"), "tradepulse-infra", f"incident/o-{when}"),
    }


def test_what_was_refused_is_granted_once_it_is_applied(
    proposed: Proposed, sandbox: Sandbox, env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = Tried(sandbox)
    before = dict.fromkeys(PULLS, False) | {"lease": 3600, "token": 3600}
    after = dict.fromkeys(PULLS, True) | {"lease": 7200, "token": 10800}
    monkeypatch.setenv("PORTCULLIS_DECLARATIONS", str(proposed.folder))
    looking = {**env, "VAULT_TOKEN": tried.looking()}
    by_hand = ("--live", "--folder", str(proposed.folder))
    for branch, expected in (("main", before), ("all", after)):
        proposed.git("checkout", "-q", branch)
        prepare(sandbox, print)  # an administrator's part: what the operator may do follows from the declarations
        done = pulumi(sandbox, "incident=keep", "incidentId=", "incidentScope=")
        assert done.returncode == 0, done.stdout
        assert _requests(tried, proposed.folder, branch) == expected
        assert diff(looking, str(proposed.folder), "server", *by_hand) == (0, [], "")
    code, found, said = diff(looking, "main", "server", *by_hand)
    assert (code, said) == (1, "")
    assert {(c["subject"], c["what"]) for c in found if not c["subject"].startswith("token role")} == {
        (f"workload {INGEST}", KEY_PATH),
        (f"workload {TRADER}", KEY_PATH),
        (f"role {DAILY_PATH}", "SQL statements"),
        (f"role {DAILY_PATH}", "groups"),
        (f"role {LEASES_PATH}", "TTL"),
        ("workload risk-engine", "TTL"),
        ("repository tradepulse-infra", "approvals that a merge needs"),
    }
