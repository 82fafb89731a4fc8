"""Evidence that was touched after sealing is found out, whatever the touch; no secret is kept."""

from __future__ import annotations

import base64
import errno
import hashlib
import json
import os
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from containment.folder import files
from policies.errors import Finding, InputError, Unreachable
from rotation.commands.evidence import command
from rotation.evidence.audit_export import Wanted, export_audit
from rotation.evidence.folder import Evidence, Kind, incident_folder, redact, verify
from rotation.evidence.redaction import redact_certain


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "INC-1"
    evidence = Evidence(place)
    evidence.write_json("incident.json", {"id": "INC-1"})
    evidence.write_json("timeline.json", [])
    evidence.add_command("revoke", ["bao", "lease", "revoke", "x"], 0, "done")
    evidence.seal()
    return place


def _manifest(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    data = json.loads((folder / "manifest.json").read_text())
    change(data)
    (folder / "manifest.json").write_text(json.dumps(data))


def _kinds(folder: Path) -> set[tuple[str, Kind]]:
    return {(p.path, p.kind) for p in verify(folder)}


def test_what_was_sealed_holds_and_is_private(folder: Path) -> None:
    assert verify(folder) == []
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {f.stat().st_mode & 0o777 for f in folder.rglob("*.json")} == {0o600}


def test_edited_at_the_same_size(folder: Path) -> None:
    (folder / "incident.json").write_text((folder / "incident.json").read_text().replace("INC-1", "INC-2"))
    assert _kinds(folder) == {("incident.json", Kind.EDITED)}


def test_an_added_folder_is_named_though_nothing_is_in_it(folder: Path) -> None:
    (folder / "letters" / "more").mkdir(parents=True)
    (folder / "commands" / "x").mkdir()
    assert _kinds(folder) == {("letters/more", Kind.ADDED), ("commands/x", Kind.ADDED)}
    Evidence(folder).seal()
    fresh = folder.parent / "INC-2"
    Evidence(fresh).seal()
    assert verify(fresh) == [], "the empty folder for commands is ours"


def test_removed(folder: Path) -> None:
    (folder / "timeline.json").unlink()
    assert _kinds(folder) == {("timeline.json", Kind.REMOVED)}


def test_a_folder_that_is_gone_is_told_where_a_head_of_it_is_known(tmp_path: Path) -> None:
    gone = tmp_path / "INC-1"
    with pytest.raises(InputError, match="no evidence for incident INC-1"):
        verify(gone)
    assert [(p.path, p.kind) for p in verify(gone, ["a" * 64])] == [("INC-1", Kind.REMOVED)]


@pytest.mark.parametrize("name", ["extra.json", "other.jsonl", "commands/containment-x.json"])
def test_added(folder: Path, name: str) -> None:
    (folder / name).write_text("{}")
    assert _kinds(folder) == {(name, Kind.ADDED)}


@pytest.mark.parametrize("name", [".hidden", "deep/er.json", "commands/deep/er.json"])
def test_added_where_nothing_is_written(folder: Path, name: str) -> None:
    (folder / name).parent.mkdir(exist_ok=True, parents=True)
    (folder / name).write_text("{}")
    assert _kinds(folder) == {(name, Kind.REFUSED)}


def test_reordered(folder: Path) -> None:
    _manifest(folder, lambda m: m["entries"].reverse())
    assert Kind.CHAIN in {kind for _, kind in _kinds(folder)}


@pytest.mark.parametrize("position", [0, 1, 2])
def test_entry_and_file_taken_out_together(folder: Path, position: int) -> None:
    gone = json.loads((folder / "manifest.json").read_text())["entries"][position]["path"]
    (folder / gone).unlink()
    _manifest(folder, lambda m: m["entries"].pop(position))
    assert Kind.CHAIN in {kind for _, kind in _kinds(folder)}


def test_entry_changed_to_fit_an_edited_file(folder: Path) -> None:
    import hashlib

    (folder / "incident.json").write_bytes(b"{}")
    digest = hashlib.sha256(b"{}").hexdigest()

    def fit(manifest: dict[str, Any]) -> None:
        entry = next(e for e in manifest["entries"] if e["path"] == "incident.json")
        entry.update(sha256=digest, size=2)

    _manifest(folder, fit)
    assert ("incident.json", Kind.CHAIN) in _kinds(folder)


def test_rewritten_as_a_whole_is_seen_by_the_head_kept_elsewhere(folder: Path) -> None:
    head = Evidence(folder).seal()
    (folder / "manifest.json").unlink()
    (folder / "timeline.json").unlink()
    Evidence(folder).seal()
    assert verify(folder) == []
    assert [p.kind for p in verify(folder, [head])] == [Kind.CHAIN]


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"entries":[{"path":1}]}', '{"entries":7,"head":"","incident":""}']
)
def test_manifest_spoilt(folder: Path, content: str) -> None:
    (folder / "manifest.json").write_text(content)
    assert ("manifest.json", Kind.CHAIN) in _kinds(folder)


def test_manifest_removed(folder: Path) -> None:
    (folder / "manifest.json").unlink()
    assert ("manifest.json", Kind.UNSEALED) in _kinds(folder)


def test_manifest_of_another_incident(folder: Path) -> None:
    moved = folder.rename(folder.with_name("INC-2"))
    assert _kinds(moved) == {("manifest.json", Kind.CHAIN)}


@pytest.mark.parametrize("name", ["incident.json", "manifest.json", "commands"])
def test_symbolic_link_is_not_followed(folder: Path, tmp_path: Path, name: str) -> None:
    (folder / name).rename(tmp_path / "elsewhere")
    (folder / name).symlink_to(tmp_path / "elsewhere")
    assert (name, Kind.SYMLINK) in _kinds(folder)
    with pytest.raises((Finding, InputError)):
        Evidence(folder).seal()


@pytest.mark.parametrize("path", ["../outside.json", "/etc/hostname", "commands/../../x", "manifest.json"])
def test_manifest_pointing_outside_is_refused(folder: Path, path: str) -> None:
    _manifest(folder, lambda m: m["entries"][0].update(path=path))
    assert (path, Kind.REFUSED) in _kinds(folder)


@pytest.mark.parametrize(
    "name", ["../x.json", "/x.json", "a/b.json", ".x.json", "manifest.json", "x.txt", ".json", "x\n.json"]
)
def test_name_that_could_leave_is_refused(folder: Path, name: str) -> None:
    with pytest.raises(InputError):
        Evidence(folder).write_json(name, {})


@pytest.mark.parametrize("incident", ["", "..", ".x", "a/b", "../a", "a" * 65, "a\n", "-x", "é"])
def test_incident_id_that_could_leave_is_refused(incident: str) -> None:
    with pytest.raises(InputError):
        incident_folder(incident)


def test_command_name_that_could_leave_is_refused(folder: Path) -> None:
    with pytest.raises(InputError):
        Evidence(folder).add_command("../../x", [], 0, "")


def test_sealing_again_keeps_the_first_digest(folder: Path) -> None:
    evidence = Evidence(folder)
    evidence.write_json("timeline.json", [{"at": 1}])
    evidence.seal()
    entries = json.loads((folder / "manifest.json").read_text())["entries"]
    assert [e["path"] for e in entries].count("timeline.json") == 2
    assert verify(folder) == []


def test_sealing_refuses_what_is_gone(folder: Path) -> None:
    (folder / "timeline.json").unlink()
    with pytest.raises(Finding, match=r"timeline\.json"):
        Evidence(folder).seal()


def test_interrupted_write_leaves_the_old_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("containment.folder.files.os.fsync", fail)
    with pytest.raises(Unreachable, match="No space"):
        Evidence(folder).write_json("incident.json", {"id": "other"})
    assert verify(folder) == []


@pytest.mark.parametrize("new", [True, False])
def test_a_folder_that_is_a_file_system_of_its_own_is_written_to(
    folder: Path, monkeypatch: pytest.MonkeyPatch, new: bool
) -> None:
    def crossing(act: Callable[[str, str], None]) -> Callable[[Any, Any], None]:
        def checked(source: Any, target: Any) -> None:
            if Path(source).parent != Path(target).parent:
                raise OSError(errno.EXDEV, "Invalid cross-device link")
            act(source, target)

        return checked

    monkeypatch.setattr("containment.folder.files.Path.replace", crossing(os.replace))
    monkeypatch.setattr("containment.folder.files.os.link", crossing(os.link))
    files.write(folder, "letter.json", b"{}", new=new)
    assert (folder / "letter.json").read_bytes() == b"{}"
    assert not [f for f in (*folder.iterdir(), *folder.parent.iterdir()) if f.name.startswith(".")]


SECRETS = {
    "vault token": "hvs.CAESIJ" + "a1B2" * 20,
    "batch token": "b.AAAAAQ" + "x9Y8" * 10,
    "openbao token": "s.4Hh5Zk9QwErTyUiOpAsDfGhJ",
    "namespaced token": "s.4Hh5Zk9QwErTyUiOpAsDfGhJ.n5Rt2",
    "unseal key": "q8Zx+T1m/Yw0Kc3Vb6Nn9Lp2Rr5Tt8Uu1Ii4Oo7Pp0A=",
    "unseal share": "q8Zx+T1m/Yw0Kc3Vb6Nn9Lp2Rr5Tt8Uu1Ii4Oo7Pp0Ab",
    "unseal key in hex": "9f" * 33,
    "github token": "ghp_" + "a1B2c3D4e5" * 4,
    "github fine-grained": "github_pat_" + "11ABCDE0Y0" * 4,
    "exchange secret": "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A",
    "jwt": "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl",
    "pem": "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIB\nabc\n-----END EC PRIVATE KEY-----",
    "torn pem": "-----BEGIN PRIVATE KEY-----\nMHcCAQEEIB",
}


@pytest.mark.parametrize("kind", SECRETS)
@pytest.mark.parametrize("around", ["{}", "value: {}\n", '{{"v": "{}"}}', "x={} y", "https://host/?q={}&b=1"])
def test_shape_is_redacted(kind: str, around: str) -> None:
    kept = redact(around.format(SECRETS[kind]))
    for line in SECRETS[kind].splitlines():
        assert line not in kept
    assert SECRETS[kind][8:20] not in kept


@pytest.mark.parametrize("around", ["{}", "-----BEGIN PRIVATE KEY-----, {}", "-----BEGIN PRIVATE KEY-----\n- {}"])
def test_what_follows_a_torn_key_stays(around: str) -> None:
    said = "2 logins are left; -----END PRIVATE KEY-----"
    assert redact(around.format(said)).endswith(said)


@given(
    st.binary(min_size=30, max_size=200),
    st.sampled_from(["", "EC ", "RSA ", "OPENSSH ", "ENCRYPTED "]),
    st.sampled_from(["", "Proc-Type: 4,ENCRYPTED|DEK-Info: AES-128-CBC,0A1B2C3D4E5F||"]),
    st.sampled_from(["\n", "\r\n", "\\n", "\\r\\n", "\\\\n", " ", "\n    "]),
    st.integers(0, 400),
)
def test_no_key_survives_whole_or_torn(key: bytes, kind: str, headers: str, between: str, torn: int) -> None:
    body = textwrap.wrap(base64.b64encode(key).decode(), 64)
    name = f"{kind}PRIVATE KEY"
    block = headers.replace("|", between) + between.join([*body, f"-----END {name}-----"])
    begins = f"-----BEGIN {name}-----{between}"
    assert redact_certain(f"a; {begins}{block}, b") == "a; [redacted], b"
    kept = redact_certain(f"a; {begins}{block[:torn]}")
    assert not [line for line in body if line[:12] in kept]


@pytest.mark.parametrize("before", ["-", "| ", "2026-11-30T20:34:04Z stdout F ", "'", "\\u000a"])
def test_no_key_survives_where_each_line_has_something_before_it(before: str) -> None:
    body = textwrap.wrap(base64.b64encode(hashlib.shake_256().digest(1000)).decode(), 64)
    lines = ["-----BEGIN RSA PRIVATE KEY-----", *body, "-----END RSA PRIVATE KEY-----"]
    kept = redact_certain("".join(f"{before}{line}\n" for line in [*lines, "2 logins are left"]))
    assert not [line for line in body if len(line) >= 40 and line[:12] in kept]
    assert kept.endswith(f"{before}2 logins are left\n")


@pytest.mark.parametrize(
    "text",
    ["password: hunter2", 'secret_id    5f2c-hunter2', '{"api_secret": "hunter2"}', "VAULT_TOKEN=hunter2",
     "postgresql://u:hunter2@db/x", "Authorization: Bearer hunter2hunter2", "db_password='hunter2'",
     '"password":"a\\"hunter2"'],
)  # fmt: skip
def test_named_value_is_redacted_whatever_its_shape(text: str) -> None:
    assert "hunter2" not in redact(text)


@pytest.mark.parametrize(
    "text",
    [
        "auth/approle/role/execution-engine/secret-id-accessor/destroy",
        "commit 39b6b7f0c1d2e3f405162738495a6b7c8d9e0f10",
        "accessor hmac-sha256:" + "6f" * 32,
        "reports/security/incidents/DRILL-20261124T025138Z/commands/0001-revoke.json",
        "revoked 12 leases of database/creds/market-data-ingest",
    ],
)
def test_what_an_investigator_needs_stays(text: str) -> None:
    assert redact(text) == text


def test_given_values_are_redacted_in_every_form() -> None:
    from urllib.parse import quote

    value = 'p"w/ä 1'
    forms = [value, json.dumps(value), quote(value, safe=""), base64.b64encode(value.encode()).decode()]
    kept = redact(" | ".join(forms), [value])
    for form in forms:
        assert form.strip('"') not in kept


def test_nothing_written_holds_a_secret(folder: Path) -> None:
    evidence = Evidence(folder, ["hunter2"])
    evidence.write_json("incident.json", {"a": ["hunter2", SECRETS["vault token"]], "hunter2": 1, "sha256": "6f" * 32})
    evidence.add_command("r", ["psql", "--password", "short", SECRETS["openbao token"]], 1, SECRETS["exchange secret"])
    written = "".join(f.read_text() for f in folder.rglob("*.json"))
    for secret in ("hunter2", "short", *(SECRETS[k] for k in ("vault token", "openbao token", "exchange secret"))):
        assert secret not in written
    assert "6f" * 32 in written


def _line(time: str, path: str) -> str:
    auth = {"display_name": "x", "policy_results": {"allowed": True}}
    request = {"id": "1", "operation": "read", "path": path, "data": {"password": "raw-value"}}
    return json.dumps({"time": time, "type": "request", "auth": auth, "request": request})


def test_audit_export_picks_by_time_and_path_and_locates_torn_lines(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    lines = [
        _line("2026-11-24T01:59:59.999999999Z", "secret/data/a"),
        _line("2026-11-24T02:00:00.000000001Z", "secret/data/a"),
        '{"time":"2026-11-24T02:00:01Z","type":"requ',
        "null",
        _line("2026-11-24T02:00:02Z", "other/b"),
        _line("2026-11-24T04:00:02+02:00", "secret/data/c"),
        _line("2026-11-24T03:00:00Z", "secret/data/a"),
    ]
    log.write_bytes("\n".join(lines).encode() + b'\n\xff{"t')
    out = export_audit(log, Wanted("2026-11-24T02:00:00Z", "2026-11-24T02:30:00Z", ["secret/"]))
    assert [r["path"] for r in out["records"]] == ["secret/data/a", "secret/data/c"]
    assert [t["line"] for t in out["torn"]] == [3, 4, 8]
    assert log.read_bytes()[out["torn"][0]["offset"] :].startswith(lines[2].encode())
    assert (out["lines"], out["torn_lines"]) == (8, 3)
    assert "raw-value" not in json.dumps(out)
    assert len(export_audit(log, Wanted("2026-11-24T02:00:00Z", None, []))["records"]) == 4


@pytest.mark.parametrize("since", ["yesterday", "2026-11-24T02:00:00"])
def test_audit_export_refuses_a_vague_time(tmp_path: Path, since: str) -> None:
    with pytest.raises(InputError):
        export_audit(tmp_path / "audit.log", Wanted(since, None, []))


def test_audit_log_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(Unreachable):
        export_audit(tmp_path / "none.log", Wanted("2026-11-24T02:00:00Z", None, []))


def test_command_exits_1_on_tampering_and_0_before(folder: Path) -> None:
    argv = ["verify", "INC-1", "--folder", str(folder.parent), "--json"]
    good = CliRunner().invoke(command, argv)
    assert (good.exit_code, json.loads(good.stdout)["holds"]) == (0, True)
    (folder / "incident.json").write_text("{}")
    bad = CliRunner().invoke(command, argv)
    assert (bad.exit_code, json.loads(bad.stdout)["problems"][0]["kind"]) == (1, "edited")
