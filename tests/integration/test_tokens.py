"""Tokens that carry a secret past the gate: response-wrapping tokens, and those that a workload might make itself."""

from __future__ import annotations

import socket
import ssl
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import httpx
import pytest

from containment import names
from containment.adapters.vault import HvacVault
from containment.direct import contain
from containment.ports import Token
from containment.report import Outcome
from drill.actors import Actors
from drill.hands import alive
from policies.errors import Unreachable
from policies.load import load
from sandbox.environment import REPOSITORY, Sandbox

PATH = "secret/data/partners/api"


def _request(sandbox: Sandbox, method: str, path: str, token: str, **headers: str) -> httpx.Response:
    answer: httpx.Response = sandbox.openbao._http().request(
        method, f"{sandbox.openbao.url}/v1/{path}", headers={"X-Vault-Token": token, **headers}
    )
    return answer


def _wrapped(sandbox: Sandbox, token: str, path: str = PATH) -> str:
    """The secret as an attacker would put it away for later."""
    answer = _request(sandbox, "GET", path, token, **{"X-Vault-Wrap-TTL": "1h"})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["wrap_info"]["token"])


def _unwrap(sandbox: Sandbox, token: str) -> tuple[int, Any]:
    answer = _request(sandbox, "POST", "sys/wrapping/unwrap", token)
    return answer.status_code, answer.json()


def test_the_playbooks_command_tells_what_an_identity_was_given_before_any_incident(
    sandbox: Sandbox, env: dict[str, str]
) -> None:
    actors = Actors(sandbox)
    token = actors.login(*actors.secret_id("partner-gateway"))
    _wrapped(sandbox, token)
    assert actors.allowed(lambda: actors.read(token, PATH))
    assert not actors.allowed(lambda: actors.read(token, "secret/data/trading/exchange"))
    other = actors.login(*actors.secret_id("execution-engine"))
    assert actors.allowed(lambda: actors.read(other, "secret/data/trading/exchange"))

    playbook = (REPOSITORY / "docs" / "incident_playbooks.md").read_text()
    command = "gzip -cdf " + playbook.partition("gzip -cdf ")[2].partition("\n\n")[0]
    command = command.replace("pc-w-NAME", "pc-w-partner-gateway")
    done = subprocess.run(["bash", "-c", command], env=env, capture_output=True, text=True, check=True)
    told = {line.partition("  ")[2]: line.partition("  ")[0].split() for line in done.stdout.splitlines()}
    assert set(told) == {"update auth/approle/login from 127.0.0.1", f"read {PATH} from 127.0.0.1"}, done.stderr
    first, last = told[f"read {PATH} from 127.0.0.1"]
    assert first < last


def test_a_wrapping_token_from_before_the_lock_does_not_unwrap_after_it(
    sandbox: Sandbox, environ: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    del environ
    actors = Actors(sandbox)
    token = actors.login(*actors.secret_id("partner-gateway"))
    first, second = _wrapped(sandbox, token), _wrapped(sandbox, token)
    vault = HvacVault.from_environment()
    # With this one step taken out, the leaked value comes out of its wrapping under a closed gate.
    with monkeypatch.context() as taken_out:
        everything = HvacVault.tokens

        def without_wrapping(self: HvacVault) -> list[Token]:
            return [t for t in everything(self) if not t.wrapping]

        taken_out.setattr(HvacVault, "tokens", without_wrapping)
        contain(vault, "INC-WRAP", "partner-api-key", print)
    assert not actors.allowed(lambda: actors.read(token, PATH)), "the gate is not shut: the test shows nothing"
    status, body = _unwrap(sandbox, first)
    assert status == 200
    assert body["data"]["data"]["value"]

    report = contain(vault, "INC-WRAP", "partner-api-key", print).report
    assert report.not_contained == ()
    status, body = _unwrap(sandbox, second)
    assert status == 400, "a wrapping token from before the lock still unwraps"
    assert "not valid or does not exist" in str(body)
    router = actors.login(*actors.secret_id("order-router"))
    after = _wrapped(sandbox, router, "secret/data/trading/fix-session")
    assert _unwrap(sandbox, after)[0] == 200, "the control: wrapping as such still works"


def test_what_a_leaked_batch_token_was_leased_ends_with_it(sandbox: Sandbox, environ: None) -> None:
    """No list says whose a batch token's lease is, and it does not end with the token."""
    del environ
    actors = Actors(sandbox)
    batch = actors.jwt_login("analytics-batch", actors.issuer_token({"sub": "analytics-batch"}))
    leaked = actors.read(batch, "database/creds/analytics-readonly")
    other = actors.read(actors.login(*actors.secret_id("settlement")), "database/creds/settlement-readonly")
    session = actors.connect(leaked["username"], leaked["password"])
    assert alive(session)
    report = contain(HvacVault.from_environment(), "INC-BATCH", "workload:analytics-batch", print).report
    assert report.not_contained == ()
    assert not alive(session)
    assert not actors.can_connect(leaked["username"], leaked["password"])
    assert actors.can_connect(other["username"], other["password"]), "a role that it is not granted"
    with pytest.raises(Unreachable, match=" 403 "):
        actors.read(batch, "database/creds/analytics-readonly")


def test_our_own_policies_without_the_gate_open_nothing(sandbox: Sandbox, environ: None) -> None:
    """By a login method that is not ours, and on a batch token, which nobody can list or revoke."""
    del environ
    root, bao, path = sandbox.openbao.root_token(), sandbox.openbao, "secret/data/trading/fix-session"
    own = names.own_policy(next(w for w in load().workloads if w.name == "order-router"))
    bao.call("POST", "sys/auth/userpass", {"type": "userpass"}, token=root)
    bao.call("POST", "auth/userpass/users/mallory", {"password": "m-a-l", "token_policies": [own]}, token=root)
    made = bao.call("POST", "auth/token/create", {"policies": [own], "type": "batch", "ttl": "1h"}, token=root)

    def mallory() -> str:
        answer = bao.call("POST", "auth/userpass/login/mallory", {"password": "m-a-l"})
        return str(answer["auth"]["client_token"])

    batch, held = str(made["auth"]["client_token"]), mallory()
    assert [_request(sandbox, "GET", path, t).status_code for t in (batch, mallory())] == [200, 200]
    contain(HvacVault.from_environment(), "INC-BARE", "order-router-fix", print)
    assert _request(sandbox, "GET", "auth/token/lookup-self", held).status_code == 403, "it is out, and can be revoked"
    assert [_request(sandbox, "GET", path, t).status_code for t in (batch, mallory())] == [403, 403]
    assert [_request(sandbox, "GET", "auth/token/lookup-self", t).status_code for t in (batch, mallory())] == [200, 200]
    bao.call("DELETE", "sys/auth/userpass", token=root)


def test_without_the_probers_token_it_denies_and_is_not_contained(
    sandbox: Sandbox, environ: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    del environ
    actors, path = Actors(sandbox), "secret/data/risk/limits"
    reader = actors.login(*actors.secret_id("risk-engine"))
    assert actors.allowed(lambda: actors.read(reader, path))
    token = tmp_path / "prober.token"
    for mode, text in ((0, ""), (0o600, "s.no-such-token"), (0o644, _prober(sandbox)), (0o600, _reader(sandbox))):
        if mode:
            token.write_text(text)
            token.chmod(mode)
        said: list[str] = []
        with monkeypatch.context() as without:
            without.setenv("PORTCULLIS_PROBER_TOKEN_FILE", str(token))
            report = contain(HvacVault.for_containment(), "INC-PROBE", "risk-limits-token", said.append).report
        failed = {e.target: e for e in report.effects if e.outcome is Outcome.FAILED}
        assert {e.what for e in failed.values()} == {"probe"}
        assert "PORTCULLIS_PROBER_TOKEN_FILE" in failed["risk-limits-token"].detail
        assert any(line.startswith("warning: ") and "PORTCULLIS_PROBER_TOKEN_FILE" in line for line in said)
        assert text == "" or text not in str(report) + "".join(said)
        if not mode:
            first = [next(n for n, x in enumerate(said) if w in x) for w in ("pc-gate", "warning: ", "token revoked")]
            assert first == sorted(first), "the deny waits for nothing, and the warning comes before the long work"
    assert not actors.allowed(lambda: actors.read(reader, path))
    report = contain(HvacVault.for_containment(), "INC-PROBE", "risk-limits-token", print).report
    assert report.not_contained == ()


def _prober(sandbox: Sandbox) -> str:
    return (sandbox.root / "secrets" / "prober.token").read_text()


def _reader(sandbox: Sandbox) -> str:
    """Alive, and no prober's."""
    actors = Actors(sandbox)
    return actors.login(*actors.secret_id("order-router"))


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("auth/token/create", {}),
        ("auth/token/create", {"policies": ["pc-w-settlement"]}),
        ("auth/token/create", {"policies": ["default"], "no_parent": True}),
        ("auth/token/create", {"policies": ["pc-w-settlement"], "type": "batch"}),
        ("auth/token/create-orphan", {"policies": ["pc-w-settlement"]}),
        ("auth/token/create/pc-probe", {"policies": ["pc-w-settlement"]}),
        ("auth/token/create/no-such-role", {}),
        ("auth/token/roles/mine", {"allowed_policies": ["pc-w-settlement"]}),
        ("auth/token/renew-self", {"increment": "99999h"}),
        ("identity/entity", {"name": "mine", "policies": ["pc-w-settlement"]}),
        ("sys/policies/acl/pc-gate", {"policy": "{}"}),
    ],
)
def test_no_workload_makes_itself_a_token_or_a_policy(sandbox: Sandbox, path: str, body: dict[str, Any]) -> None:
    actors = Actors(sandbox)
    token = actors.login(*actors.secret_id("settlement"))
    if path.endswith("renew-self"):  # `default` allows it; what it gives is capped by the role
        ttl = sandbox.openbao.call("POST", path, body, token=token)["auth"]["lease_duration"]
        assert ttl <= 24 * 3600
        return
    with pytest.raises(Unreachable, match=r" 40[03] "):
        sandbox.openbao.call("POST", path, body, token=token)
    assert actors.allowed(lambda: actors.read(token, "auth/token/lookup-self")), "a dead token proves nothing"


def test_an_attacker_with_a_dead_secret_id_does_not_lock_the_workload_out(sandbox: Sandbox) -> None:
    """Five failures would shut the alias for 15 minutes, for the new secret_id too."""
    actors = Actors(sandbox)
    role_id, secret_id = actors.secret_id("treasury-report")
    for _ in range(12):
        assert not actors.allowed(lambda: actors.login(role_id, "no-such-secret-id"))
    assert actors.login(role_id, secret_id)


def _hang_up(sandbox: Sandbox, delay: float) -> None:
    """Ask for a token and close the connection before the answer."""
    address = urlparse(sandbox.openbao.url)
    context = ssl.create_default_context(cafile=str(sandbox.root / "ca.pem"))
    body = b'{"policies": ["default"], "ttl": "10m"}'
    head = f"POST /v1/auth/token/create HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
    plain = socket.create_connection((str(address.hostname), int(address.port or 0)))
    with context.wrap_socket(plain, server_hostname=address.hostname) as tls:
        tls.sendall(f"{head}X-Vault-Token: {sandbox.openbao.root_token()}\r\n\r\n".encode() + body)
        time.sleep(delay)


def _refused(sandbox: Sandbox, accessor: str) -> bool:
    try:
        sandbox.openbao.call("POST", "auth/token/lookup-accessor", {"accessor": accessor}, sandbox.openbao.root_token())
    except Unreachable as error:
        return " 403 " in str(error)
    return False


def test_an_accessor_with_no_token_behind_it_does_not_stand_in_the_way(sandbox: Sandbox, environ: None) -> None:
    """A client that hangs up in the middle leaves one, and the server answers 403 for it as long as it lives."""
    del environ
    vault = HvacVault.from_environment()
    before = set(vault.keys("auth/token/accessors"))

    def hollow() -> list[str]:
        new = set(vault.keys("auth/token/accessors")) - before
        return [a for a in new if _refused(sandbox, a)]

    for attempt in range(200):
        _hang_up(sandbox, attempt % 20 * 0.0002)
        if hollow():
            time.sleep(0.5)
            if left := hollow():
                break
    else:
        raise AssertionError("no hollow accessor was made")
    assert not [t for t in vault.tokens() if t.accessor in left]


def test_a_token_that_another_run_is_revoking_is_gone(sandbox: Sandbox, environ: None) -> None:
    """The server marks it, refuses whatever it asks for, and shows it until each of its leases is marked too."""
    del environ
    bao, root, vault = sandbox.openbao, sandbox.openbao.root_token(), HvacVault.from_environment()
    bao.call("POST", "sys/mounts/many", {"type": "pki"}, token=root)
    try:
        bao.call("POST", "many/root/generate/internal", {"common_name": "x", "key_type": "ed25519"}, token=root)
        role = {"allow_any_name": True, "key_type": "ed25519", "generate_lease": True}
        bao.call("POST", "many/roles/r", role, token=root)
        made = bao.call("POST", "auth/token/create-orphan", {"ttl": "1h"}, token=root)["auth"]
        accessor, token, asked = made["accessor"], made["client_token"], {"common_name": "a.b", "ttl": "10m"}
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: bao.call("POST", "many/issue/r", asked, token=token), range(500)))
            path, body = "auth/token/revoke-accessor", {"accessor": accessor}
            other = pool.submit(bao.call, "POST", path, body, root)
            while _request(sandbox, "GET", "auth/token/lookup-self", token).status_code == 200:
                pass
            assert vault.revoke_token(accessor)
            with pytest.raises(Unreachable, match=r" 400 .*token not found"):
                bao.call("POST", path, body, token=root)
            assert not other.done(), "it was all over: the test shows nothing"
        assert vault.revoke_token(accessor), "and again"
    finally:
        bao.call("DELETE", "sys/mounts/many", token=root)


def test_what_is_declared_nowhere_does_not_reach_past_the_gate(sandbox: Sandbox, environ: None) -> None:
    """A token with a policy of somebody's own is revoked, by whatever it got that. A role of any login method, or of
    tokens, that hands out ours without the gate is named."""
    del environ
    bao, root, path = sandbox.openbao, sandbox.openbao.root_token(), "secret/data/partners/api"

    def call(method: str, where: str, body: dict[str, Any] | None = None) -> Any:
        return bao.call(method, where, body, token=root)

    for name, granted in (("legacy", "secret/data/partners/*"), ("other", "secret/data/elsewhere/*")):
        call("PUT", f"sys/policies/acl/{name}", {"policy": f'path "{granted}" {{ capabilities = ["read"] }}'})
    reader, other = (
        call("POST", "auth/token/create-orphan", {"policies": [n]})["auth"]["client_token"] for n in ("legacy", "other")
    )
    own, gated = "pc-w-partner-gateway", ["pc-gate", "pc-w-partner-gateway"]
    call("POST", "sys/auth/people", {"type": "userpass"})
    roles: dict[str, dict[str, Any]] = {
        "auth/approle/role/legacy": {"token_policies": [own]},
        "auth/people/users/mallory": {"password": "m-a-l", "token_policies": [own]},
        "auth/token/roles/evil": {"allowed_policies": [own]},
        "auth/token/roles/pc-rogue": {"allowed_policies": [own]},
        "auth/token/roles/wide": {"allowed_policies_glob": ["pc-*"]},
        "auth/people/users/alice": {"password": "a-l-i", "token_policies": gated},
    }
    for where, body in roles.items():
        call("POST", where, body)
    try:
        assert _request(sandbox, "GET", path, reader).status_code == 200
        report = contain(HvacVault.for_containment(), "INC-PAST", "partner-api-key", print).report
        assert _request(sandbox, "GET", path, reader).status_code == 403
        assert _request(sandbox, "GET", "auth/token/lookup-self", other).status_code == 200, "it reaches nothing leaked"
        attaching, evil, rogue, globbing, policy = sorted(report.not_contained)
        assert f"(past the gate: attaches {own} without pc-gate: delete it, or attach pc-gate" in attaching
        assert {*attaching.partition(" (")[0].split(", ")} == {*sorted(roles)[:1], "auth/people/users/mallory"}
        for said, name, what in ((evil, "evil", own), (rogue, "pc-rogue", own), (globbing, "wide", "pc-*")):
            assert said.startswith(f"auth/token/roles/{name} (past the gate: attaches {what} without pc-gate: ")
            assert f": bao delete auth/token/roles/{name};" in said
        assert policy.startswith("legacy ")
        for where in roles:
            call("DELETE", where)
        call("DELETE", "sys/policies/acl/legacy")
        report = contain(HvacVault.for_containment(), "INC-PAST", "partner-api-key", print).report
        assert report.not_contained == ()
    finally:
        for where in roles:
            call("DELETE", where)
        call("DELETE", "sys/auth/people")
        for name in ("legacy", "other"):
            call("DELETE", f"sys/policies/acl/{name}")
