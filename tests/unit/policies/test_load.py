"""The example estate loads; each thing that can be wrong is refused by file, line, field and remedy."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from policies import codec
from policies.document import parse
from policies.load import ACCESS, SCHEMA, DeclarationError, load
from policies.model import Environment

ROLE = "role: analytics-readonly-staging\n"
BATCH = "production/workload-analytics-batch.yaml"
CLAIMS = "  boundClaims:\n    repository: tradepulse/tradepulse-core\n    ref: refs/heads/main"
KEY = "production/exchange-trading-key.yaml"


@pytest.fixture
def estate(tmp_path: Path) -> Path:
    """A copy of the example estate, which fires nothing."""
    shutil.copytree(ACCESS, tmp_path / "access")
    load(tmp_path / "access")
    return tmp_path / "access"


def _refused(folder: Path) -> str:
    with pytest.raises(DeclarationError) as caught:
        load(folder)
    assert all(p.remedy for p in caught.value.problems)
    return str(caught.value)


def test_example_estate() -> None:
    found = load()
    assert len(found.workloads) >= 12
    assert len(found.repositories) == 3
    assert {s.environment for s in found.secrets} == set(Environment)
    kept = codec.decode(codec.encode(found))
    assert kept == found
    assert not any(secret.source.lines for secret in kept.secrets), "a server has no use for them"


def test_schema_is_valid_and_every_example_fits_it() -> None:
    """The whole schema as an editor uses it; the loader picks a kind's part of it."""
    schema = json.loads(SCHEMA.read_text())
    Draft202012Validator.check_schema(schema)
    for file in ACCESS.rglob("*.yaml"):
        Draft202012Validator(schema).validate(parse(file.read_text()).data)


@pytest.mark.parametrize("file", [f.relative_to(ACCESS) for f in sorted(ACCESS.glob("production/*.yaml"))], ids=str)
def test_the_same_object_twice(estate: Path, file: Path) -> None:
    shutil.copy(estate / file, estate / "production" / "zz-copy.yaml")
    said = _refused(estate)
    field, line = ("spec.path", 6) if "kind: Mount\n" in (estate / file).read_text() else ("metadata.name", 4)
    assert f"zz-copy.yaml:{line}: {field}" in said
    assert f"declared in {file}:{line} already" in said


@pytest.mark.parametrize("make", [Path.mkdir, lambda _: None], ids=["empty", "missing"])
def test_no_declarations_are_not_an_empty_estate(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "access")
    assert "holds no declaration" in _refused(tmp_path / "access")


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        (KEY, "workload: execution-engine", "workload: nobody", "no workload 'nobody'"),
        (KEY, "workload: execution-engine", "workload: ingest-staging", "is staging"),
        (KEY, "mount: secret", "mount: database", "no kv mount 'database'"),
        (KEY, "path: trading/exchange", "path: market-data/exchange", "already belongs to"),
        (KEY, "default: 1h, max: 4h", "default: 9h, max: 4h", "32400 s exceeds max, 14400 s"),
        (KEY, "{ttl: 15m", "{ttl: 31m", "1860 s is longer than 1800 s"),
        (KEY, "upstream: {name: exchange, account: tradepulse-prod}", "", "missing for an exchange key"),
        (KEY, "tier: critical", "tier: huge", "spec.tier"),
        (KEY, "[read]", "[fly]", "'fly' is none of read, list, create, update"),
        (KEY, "tier: critical", "tier: critical\n  tear: x", "spec.tear: no such field"),
        (KEY, "path: trading/exchange", "path: ../trading", "spec.secret.path"),
        (KEY, "[read]", "[sudo]", "spec.grants[0].capabilities[0]"),
        (KEY, "  owner: team-trading\n", "", '"owner" is a required property'),
        (KEY, "kind: SecretAccessPolicy", "kind: Secret", "'Secret' is no kind"),
        (KEY, "apiVersion", "apiversion", "apiversion"),
        ("production/ci-cicd.yaml", "[partner-api-key]", "[no-such]", "no SecretAccessPolicy 'no-such'"),
        ("production/ci-cicd.yaml", "repository: tradepulse-core\n", "repository: gone\n", "no repository 'gone'"),
        ("production/market-data-ingest.yaml", "connection: tradepulse", "connection: gone", "no connection 'gone'"),
        (KEY, "kind: SecretAccessPolicy", "kind: [x]", "['x'] is no kind"),
        (KEY, "ttl: {default: 1h", 'ttl: {default: "1h\\n"', "spec.ttl.default"),
        (KEY, "path: trading/exchange", 'path: "trading/exchange\\n"', "spec.secret.path"),
        (KEY, "name: exchange-trading-key", 'name: "exchange-trading-key\\n"', "metadata.name"),
        (KEY, "mount: secret", "mount: staging/secret", "'staging/secret' is staging"),
        (KEY, "method: exchange-key", "method: database-lease", "a KV secret has no leases"),
        (
            "production/market-data-ingest.yaml",
            "connection: tradepulse",
            "connection: tradepulse-staging",
            "is on mount",
        ),
        ("production/connection-tradepulse.yaml", "mount: database", "mount: gone", "no database mount 'gone'"),
        ("production/connection-tradepulse.yaml", "mount: database", "mount: secret", "no database mount 'secret'"),
        ("production/connection-tradepulse.yaml", "mount: database", "mount: staging/database", "is staging"),
        ("staging/ci-cicd-staging.yaml", "[exchange-trading-key-staging]", "[partner-api-key]", "is production"),
        ("production/ci-cicd.yaml", "name: cicd", "name: settlement", "is a workload too"),
        ("production/workload-settlement.yaml", "default: 1h", "default: 9h", " s exceeds max, "),
        ("production/mount-kv.yaml", "default: 1h", "default: 9d", " s exceeds max, "),
        ("production/ci-cicd.yaml", "default: 15m", "default: 15h", " s exceeds max, "),
        ("production/workload-settlement.yaml", "auth: approle", "auth: approle\n  boundClaims: {sub: x}", "no claims"),
        ("production/mount-kv.yaml", "path: secret", "path: portcullis", "'portcullis' is reserved"),
        ("production/mount-kv.yaml", "path: secret", "path: auth/token", "'auth/token' is reserved"),
        ("production/mount-kv.yaml", "path: secret", "path: database/kv", "lies within 'database'"),
        ("production/ci-cicd.yaml", "name: cicd", "name: portcullis-drift", "are reserved"),
        ("production/ci-cicd.yaml", "tradepulse/tradepulse-core", '"tradepulse/*"', "letter by letter"),
        ("production/ci-cicd.yaml", "refs/heads/main", "refs/heads/main,refs/heads/next", "letter by letter"),
        ("production/treasury-readonly.yaml", "method: database-lease", "method: exchange-key", "has no key"),
        (
            "production/treasury-readonly.yaml",
            "capabilities: [read]",
            "capabilities: [list]",
            "without read nobody gets",
        ),
        (
            "staging/analytics-readonly-staging.yaml",
            ROLE,
            "role: analytics-readonly\n",
            "users of both have one prefix",
        ),
        ("production/ci-cicd.yaml", "tradepulse/tradepulse-core", "tradepulse/another", "another repository than spec"),
        ("production/ci-cicd.yaml", "refs/heads/main", '"refs/heads/main "', "letter by letter"),
        ("production/ci-cicd.yaml", CLAIMS, "  boundClaims: {repository: x}", "any branch and any pull request"),
        (
            "production/repository-tradepulse-infra.yaml",
            "mergers: [sic-lead, sre-oncall]",
            "mergers: []",
            "name who merges there",
        ),
        (
            "production/settlement-readonly.yaml",
            "role: settlement-readonly",
            f"role: {'s' * 39}",
            "A name of 38 characters at most",
        ),
        ("production/workload-analytics-batch.yaml", "  boundClaims:\n    sub: analytics-batch\n", "", "boundClaims"),
    ],
)
def test_one_thing_broken(estate: Path, file: str, old: str, new: str, expected: str) -> None:
    text = (estate / file).read_text()
    assert old in text
    (estate / file).write_text(text.replace(old, new, 1))
    said = _refused(estate)
    assert expected in said
    assert f"{file}:{_line(text, text.replace(old, new, 1), taken_out=not new)}: " in said


def _line(sound: str, broken: str, *, taken_out: bool) -> int:
    """Of what was broken; of `spec`, where something was taken out of it."""
    lines = sound.splitlines()
    if taken_out:
        return lines.index("spec:") + 1
    return next(n for n, (a, b) in enumerate(zip(lines, broken.splitlines(), strict=False), 1) if a != b)


@pytest.mark.parametrize(
    "claims",
    [
        "repository: tradepulse/tradepulse-core",
        "repository: tradepulse/tradepulse-core\n    ref: refs/heads/main\n    sub: of a job",
        "sub: repo:tradepulse/tradepulse-core:ref:refs/heads/main",
        "sub: repo:tradepulse/tradepulse-core:environment:production",
        "workflow_ref: tradepulse/tradepulse-core/.github/workflows/report.yml@refs/heads/main",
        "job_workflow_ref: tradepulse/shared/.github/workflows/report.yml@refs/heads/main",
        "repository_owner: tradepulse\n    environment: production",
        "/repository: tradepulse/tradepulse-core",
        "aud: portcullis",
        "iss: https://token.actions.example",
        "workflow: deploy production",
        "actor: release-bot",
        "environment: production",
        "sub: repository_owner:tradepulse",
        "sub: repo:tradepulse@1/tradepulse-core@2:ref:refs/heads/main",
        "sub: repo:tradepulse/tradepulse-core:ref:refs/heads/main:actor:release-bot",
        "sub: job_workflow_ref:tradepulse/shared/.github/workflows/report.yml@refs/heads/main",
        "environment_node_id: x",
    ],
)
def test_no_jwt_is_two_identities(estate: Path, claims: str) -> None:
    """A lock-down shuts the one that is named."""
    file = estate / BATCH
    file.write_text(file.read_text().replace("sub: analytics-batch", claims))
    said = (
        f"spec.boundClaims: a JWT may log in as 'analytics-batch' too, declared in {BATCH}:4: a leak of one is of both"
    )
    assert f"production/ci-cicd.yaml:8: {said}" in _refused(estate)


@pytest.mark.parametrize(
    "claims",
    [
        "repository: tradepulse/tradepulse-core\n    ref: refs/heads/release",
        "repository: tradepulse/another\n    ref: refs/heads/main",
        "sub: repo:tradepulse/tradepulse-core:ref:refs/heads/release",
        "sub: system:serviceaccount:analytics:batch",
        "workflow_ref: tradepulse/another/.github/workflows/report.yml@refs/heads/main",
        "repository_owner: another\n    environment: production",
        "aud: portcullis\n    sub: analytics-batch",
        "department: analytics",
        "project_id: '22'\n    ref: refs/heads/main\n    ref_protected: 'true'",
        "sub: repo:tradepulse@1/another@2:ref:refs/heads/main",
        "sub: repo:tradepulse/tradepulse-core:environment:staging:ref:refs/heads/release",
    ],
)
def test_logins_that_differ_in_a_claim_are_each_ones_own(estate: Path, claims: str) -> None:
    file = estate / BATCH
    file.write_text(file.read_text().replace("sub: analytics-batch", claims))
    assert load(estate).workloads


def test_every_offender_at_once(estate: Path) -> None:
    (estate / KEY).write_text("a: *b\n")
    (estate / "production" / "workload-settlement.yaml").write_bytes(b"\xff\xfe")
    (estate / "production" / "stray.yml").write_text("")
    (estate / "elsewhere").mkdir()
    (estate / "elsewhere" / "x.yaml").write_text("a: 1\n")
    (estate / "production" / "folder.yaml").mkdir()
    (estate / "old" / "staging").mkdir(parents=True)
    (estate / "old" / "staging" / "y.yaml").write_text("a: 1\n")
    (estate / "staging" / "link.yaml").symlink_to(estate / KEY)
    said = _refused(estate)
    for part in (
        "an alias",
        "is not UTF-8",
        "rename it to .yaml",
        "'elsewhere' is no environment",
        "'old/staging' is no environment",
        "is a symbolic link",
        "cannot be read",
    ):
        assert part in said


@pytest.mark.parametrize(
    ("file", "field"),
    [
        ("production/partner-api-key.yaml", "tier: "),
        ("production/workload-settlement.yaml", "owner: "),
        ("production/mount-database.yaml", "ttl: "),
        ("production/connection-tradepulse.yaml", "username: "),
        ("production/repository-tradepulse-core.yaml", "owner: "),
        ("production/repository-tradepulse-connectors.yaml", "owner: "),
    ],
)
def test_what_does_not_load_is_not_missing_where_it_is_named(estate: Path, file: str, field: str) -> None:
    text = (estate / file).read_text()
    assert f"  {field}" in text
    (estate / file).write_text(text.replace(f"  {field}", f"  x{field}", 1))
    assert {line.split(":")[0] for line in _refused(estate).splitlines()[1:]} == {file}


def test_no_link_is_followed(estate: Path, tmp_path: Path) -> None:
    """A folder's is not even looked into, and so would take away what it stands for."""
    elsewhere = (estate / "staging").rename(tmp_path / "elsewhere")
    (estate / "staging").symlink_to(elsewhere)
    assert "staging:1: (document): is a symbolic link — commit what it leads to" in _refused(estate)
    (tmp_path / "link").symlink_to(estate)
    assert "link:1: (document): is a symbolic link — commit the folder itself" in _refused(tmp_path / "link")


def test_a_name_that_is_no_line_is_refused_on_one_line(estate: Path) -> None:
    (estate / "production" / "x\n::add-mask::y\udcff.yaml").write_text("kind: nope")
    said = _refused(estate)
    assert r"x\n::add-mask::y\udcff.yaml:1: (document): its name has a character that is not seen" in said
    assert len(said.splitlines()) == 2


def test_a_pipe_is_refused_and_not_waited_for(estate: Path) -> None:
    os.mkfifo(estate / "production" / "pipe.yaml")
    assert "pipe.yaml:1: (document): cannot be read: it is no regular file" in _refused(estate)


def test_of_a_huge_file_only_its_size_is_said(estate: Path) -> None:
    (estate / "production" / "huge.yaml").write_text("é" * 70_000)
    assert "huge.yaml:1: (document): larger than 65536 bytes" in _refused(estate)


def test_actions_secrets_that_are_no_copy_are_named(estate: Path) -> None:
    file = estate / "production" / "repository-tradepulse-core.yaml"
    text = file.read_text().rstrip("\n")
    file.write_text(f"{text}\n  otherSecrets: [NPM_TOKEN]\n")
    (core,) = (r for r in load(estate).repositories if r.name == "tradepulse-core")
    assert core.other_secrets == ("NPM_TOKEN",)
    file.write_text(f"{text}\n  otherSecrets: [7TOKEN]\n")
    assert "spec.otherSecrets[0]" in _refused(estate)


def test_names_of_github_have_no_case(estate: Path) -> None:
    """GitHub gives a login back as it was written there, and a token the repository's."""
    role = estate / "production" / "ci-cicd.yaml"
    role.write_text(role.read_text().replace("tradepulse/tradepulse-core", "TradePulse/TradePulse-Core"))
    file = estate / "production" / "repository-tradepulse-core.yaml"
    file.write_text(f"{file.read_text()}  protection: {{pushers: [SIC-Lead, TradePulse/Release]}}\n")
    core = next(r for r in load(estate).repositories if r.name == "tradepulse-core")
    assert core.protection.pushers == ("sic-lead", "tradepulse/release")


def test_two_repositories_of_which_pulumi_would_make_one_name_are_refused(estate: Path) -> None:
    file = estate / "production" / "repository-tradepulse-connectors.yaml"
    text = file.read_text()
    file.write_text(text.replace("name: tradepulse-connectors", "name: tradepulse-core-tag"))
    assert "Pulumi would have one name for its ruleset of tradepulse-core-tag and for" in _refused(estate)
    moved = text.replace("name: tradepulse-connectors", "name: tradepulse")
    file.write_text(moved.replace("defaultBranch: main", "defaultBranch: core-main"))
    assert "Pulumi would have one name for its protection of tradepulse-core-main and for" in _refused(estate)
