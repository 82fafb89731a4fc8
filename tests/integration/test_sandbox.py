"""The embedded environment on its real servers: started twice, killed, robbed of its ports, interrupted."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from policies.errors import InputError, Unreachable
from policies.load import ACCESS
from sandbox import tls
from sandbox.environment import REPOSITORY, Sandbox
from sandbox.process import reserve, started
from sandbox.services import postgres, postgres_files
from sandbox.services.openbao import OpenBao

Made = Callable[[str], Sandbox]


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    box = Sandbox(tmp_path_factory.mktemp("box") / "sandbox")
    try:
        box.up(print)
        yield box
    finally:
        box.reset(print)


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Made]:
    with ExitStack() as stack:

        def make(name: str) -> Sandbox:
            box = Sandbox(tmp_path / name)
            stack.callback(lambda: box.reset(print) if box.root.exists() else None)
            return box

        yield make


def _pids(box: Sandbox) -> dict[str, int | None]:
    return {s.name: s.pid for s in box.status()}


def _healthy(box: Sandbox) -> bool:
    return all(s.healthy for s in box.status())


def _command(box: Sandbox, *words: str) -> subprocess.Popen[str]:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in a job in the background, and by its children
    argv = [sys.executable, "-m", "rotation", "sandbox", *words]
    env = {**os.environ, "PORTCULLIS_SANDBOX": str(box.root)}
    return subprocess.Popen(argv, cwd=REPOSITORY, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_second_up_starts_nothing(sandbox: Sandbox) -> None:
    before, said = _pids(sandbox), list[str]()
    assert _healthy(sandbox)
    sandbox.up(said.append)
    assert _pids(sandbox) == before
    assert said == []


def test_state_is_private(sandbox: Sandbox) -> None:
    assert stat.S_IMODE(sandbox.root.stat().st_mode) == 0o700
    assert stat.S_IMODE(sandbox.postgres.folder.stat().st_mode) == 0o700
    for file in [*(sandbox.root / "secrets").iterdir(), sandbox.openbao.audit_log, sandbox.root / "server.key"]:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


def test_environment_serves_a_plain_shell(sandbox: Sandbox) -> None:
    script = (
        'eval "$("$0" -m rotation sandbox env)" && bao token lookup -format=json >/dev/null'
        ' && test "$(psql -Atc "select current_user")" = portcullis_containment'
        ' && curl -fsS "$VAULT_ADDR/v1/sys/health" >/dev/null && curl -fsS "$EXCHANGE_URL/v1/health" >/dev/null'
        ' && curl -fsS "$OPA_URL/health" >/dev/null && opa version >/dev/null && pulumi version && env'
    )
    env = {**os.environ, "PORTCULLIS_SANDBOX": str(sandbox.root)}
    done = subprocess.run(
        ["bash", "-euc", script, sys.executable], cwd=REPOSITORY, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert sandbox.openbao.root_token() not in done.stdout
    assert (sandbox.root / "secrets" / "postgres.superuser").read_text() not in done.stdout


def test_environment_while_one_server_is_down_is_the_rest_and_names_it(sandbox: Sandbox, fresh: Made) -> None:
    whole = _command(sandbox, "env").communicate()[0]
    sandbox.service("opa").kill()
    try:
        asked = _command(sandbox, "env")
        told, said = asked.communicate()
        assert (asked.returncode, told) == (3, whole)
        assert said == (
            f"the sandbox that PORTCULLIS_SANDBOX names, not this checkout's: {sandbox.root}\n"
            "portcullis: down: opa; start it with `portcullis sandbox up`\n"
        )
    finally:
        sandbox.up(print)
    document = json.loads(_command(sandbox, "env", "--json").communicate()[0])
    assert whole == "".join(f"export {name}={shlex.quote(value)}\n" for name, value in document.items())
    never = _command(fresh("never"), "env")
    assert (never.communicate()[0], never.returncode) == ("", 3)


def test_plain_commands_work_in_that_shell(sandbox: Sandbox, tmp_path: Path) -> None:
    """As the README has them, from a checkout of its own: Pulumi writes the stack's salt into it."""
    checkout = tmp_path / "checkout"
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        if (REPOSITORY / name).is_file():  # the checkout under test, with what is not committed yet
            (checkout / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(REPOSITORY / name, checkout / name)
    script = (
        'eval "$("$0" -m rotation sandbox env)"; cd "$1"'
        "; pulumi stack select --create local; pulumi up --yes; pulumi up --yes --expect-no-changes"
        "; bao policy read pc-gate; bao list auth/approle/role"
        '; psql -d tradepulse -Atc "select count(*) from market_data.ticks"'
        '; opa eval -b policies/rego "data.portcullis.lift.allow"'
        '; curl -fsS -H "X-Vault-Token: $VAULT_TOKEN" "$VAULT_ADDR/v1/auth/token/lookup-self"'
        '; curl -fsS "$EXCHANGE_URL/v1/health"; curl -fsS "$OPA_URL/health"'
    )
    env = {**os.environ, "PORTCULLIS_SANDBOX": str(sandbox.root), "PORTCULLIS_INCIDENTS": str(tmp_path / "incidents")}
    argv = ["bash", "-euc", script, sys.executable, str(checkout)]
    done = subprocess.run(argv, cwd=REPOSITORY, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    assert "execution-engine" in done.stdout, "the roles that `pulumi up` made are not listed"


def test_reset_leaves_nothing_and_may_be_repeated(fresh: Made) -> None:
    box = fresh("reset")
    box.up(print)
    pids, folders = [pid for pid in _pids(box).values() if pid], [s.folder for s in box.services()]
    assert len(pids) == len(folders)
    for _ in range(2):
        box.down(print)
        assert not any(_pids(box).values())
    box.reset(print)
    assert [pid for pid in pids if started(pid)] == []
    assert [f for f in [*folders, box.root] if f.exists()] == []
    left = [p for p in Path("/proc").glob("[0-9]*/cmdline") if _mentions(p, str(box.root))]
    assert left == [], "a process of the sandbox, or a child of one, still runs"
    told = _command(box, "reset", "--json").communicate()[0]
    assert not any(service["healthy"] for service in json.loads(told)["services"])
    assert not box.root.exists()


def _mentions(cmdline: Path, text: str) -> bool:
    try:
        return text.encode() in cmdline.read_bytes()
    except OSError:
        return False  # gone meanwhile


def test_killed_servers_come_back_with_their_data(sandbox: Sandbox) -> None:
    bao, root = sandbox.openbao, sandbox.openbao.root_token()
    bao.call("POST", "portcullis/data/kept", {"data": {"a": "b"}}, token=root)
    with sandbox.postgres.superuser("tradepulse") as connection:
        connection.execute("INSERT INTO market_data.ticks (symbol, price) VALUES ('KEPT', 1)")
    before = _pids(sandbox)
    for service in sandbox.services():
        assert service.kill()
    assert not any(_pids(sandbox).values())
    sandbox.up(print)
    assert _healthy(sandbox)
    assert not set(before.values()) & set(_pids(sandbox).values())
    assert bao.call("GET", "portcullis/data/kept", token=root)["data"]["data"] == {"a": "b"}
    with sandbox.postgres.superuser("tradepulse") as connection:
        assert connection.execute("SELECT count(*) FROM market_data.ticks WHERE symbol = 'KEPT'").fetchone()[0] == 1


@pytest.mark.parametrize("name", ["openbao", "postgres", "opa", "exchange", "github", "pagerduty"])
def test_up_heals_one_and_leaves_the_others(sandbox: Sandbox, name: str) -> None:
    before = _pids(sandbox)
    sandbox.service(name).kill()
    assert [s.name for s in sandbox.status() if not s.healthy] == [name]
    sandbox.up(print)
    after = _pids(sandbox)
    assert _healthy(sandbox)
    assert {n for n in after if after[n] != before[n]} == {name}


def test_a_wrong_declaration_keeps_no_server_down(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = Path(shutil.copytree(ACCESS, tmp_path / "access"))
    (copy / "production" / "wrong.yaml").write_text("kind: Nothing\n")
    monkeypatch.setenv("PORTCULLIS_DECLARATIONS", str(copy))
    sandbox.service("opa").stop()
    with pytest.raises(InputError, match=r"wrong\.yaml"):
        sandbox.up(print)
    assert sandbox.stopped() == []


def test_taken_ports_are_chosen_anew_and_all_still_work(sandbox: Sandbox) -> None:
    client = sandbox.postgres.superuser()  # an open client must not hold up the stop
    start = time.monotonic()
    sandbox.down(print)
    assert time.monotonic() - start < 10
    client.close()
    cluster = int((sandbox.root / "openbao" / "cluster.port").read_text())
    with ExitStack() as stack:
        for port in [*(s.port for s in sandbox.services()), cluster]:
            stack.enter_context(socket.create_server(("127.0.0.1", port)))
        before = {s.name: s.port for s in sandbox.services()}
        sandbox.up(print)
        assert _healthy(sandbox)
        assert all(s.port != before[s.name] for s in sandbox.services())
    import psycopg

    password = (sandbox.root / "secrets" / "postgres.portcullis_containment").read_text()
    assert f":{sandbox.postgres.port}:" in (sandbox.root / "secrets" / "pgpass").read_text()
    with psycopg.connect(sandbox.environ()["PORTCULLIS_PG_TRADEPULSE"], password=password) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_two_at_once_and_two_on_one_folder(fresh: Made) -> None:
    one, two = fresh("one"), fresh("two")
    racing = [_command(one, "up"), _command(one, "up"), _command(two, "up")]
    for child in racing:
        _, said = child.communicate(timeout=120)
        assert child.returncode == 0, said
    assert _healthy(one)
    assert _healthy(two)
    ports = [s.port for box in (one, two) for s in box.services()]
    assert len(set(ports)) == len(ports)
    one.down(print)
    assert not any(_pids(one).values())
    assert _healthy(two), "stopping one sandbox touched the other"


def test_interrupted_up_leaves_nothing_running_and_the_next_completes(fresh: Made) -> None:
    box = fresh("interrupted")
    child = _command(box, "up")
    assert child.stderr is not None
    for line in child.stderr:
        if line.startswith("starting opa"):
            break
    seen = [pid for pid in _pids(box).values() if pid]
    assert len(seen) >= 2
    child.send_signal(signal.SIGINT)
    child.communicate(timeout=60)
    assert child.returncode != 0
    assert not any(_pids(box).values())
    assert [pid for pid in seen if started(pid)] == []
    box.up(print)
    assert _healthy(box)


def test_half_made_database_is_completed(fresh: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    box = fresh("half")
    with monkeypatch.context() as broken:
        broken.setattr(postgres, "_SCHEMA", "CREATE SCHEMA trading; SELECT 1/0")
        with pytest.raises(Exception, match="division by zero"):
            box.up(print)
    assert not any(_pids(box).values()), "a failed start left servers running"
    box.up(print)
    with box.postgres.superuser("tradepulse") as connection:
        assert connection.execute("SELECT count(*) FROM trading.fills").fetchone()[0] == 2


def test_programs_that_the_database_user_cannot_reach_are_copied(
    fresh: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A checkout below a folder that only root may enter, such as root's home."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    package = postgres_files.shipped().parent.parent
    shutil.copytree(package / "pginstall", closed / package.name / "pginstall")
    shutil.copytree(f"{package}.libs", closed / f"{package.name}.libs")
    monkeypatch.setattr(postgres_files, "shipped", lambda: closed / package.name / "pginstall" / "bin")
    box = fresh("copied")
    box.up(print)
    assert _healthy(box)


def test_a_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    """Anybody may make folders in /var/tmp: one made by another user, or a link, is not used."""
    link = tmp_path / "link"
    link.symlink_to(tmp_path)
    if postgres_files.user() is None:
        assert postgres_files.folder(tmp_path) == tmp_path / "postgres"
        return
    os.chown(tmp_path, 12345, -1)
    for place in (link, tmp_path):
        with pytest.raises(Exception, match="made by somebody else"):
            postgres_files.own(place)


def test_a_vault_that_was_cut_short_when_it_was_initialised_begins_anew(tmp_path: Path) -> None:
    """Its storage is there, and its keys were never written."""
    (tmp_path / "secrets").mkdir()
    tls.ensure(tmp_path)
    with reserve(0) as probe:
        bao = OpenBao(tmp_path, probe.getsockname()[1])
    try:
        bao.start()
        (tmp_path / "secrets" / "unseal.json").unlink()
        with pytest.raises(Unreachable, match=r"cut short when it was initialised.* sandbox down"):
            bao.start()
        bao.stop()
        bao.start()
        assert bao.call("GET", "auth/token/lookup-self", token=bao.root_token())
    finally:
        bao.stop()


def test_a_database_that_a_removed_sandbox_left_outside_of_it_goes(tmp_path: Path) -> None:
    """As root its data lies elsewhere, and whoever removes the sandbox's folder forgets that a server runs on it."""
    root = tmp_path / "box"

    def begun() -> postgres.Postgres:
        (root / "secrets").mkdir(parents=True)
        with reserve(0) as probe:
            made = postgres.Postgres(root, probe.getsockname()[1])
        made.start()
        return made

    first = begun().process.running() or 0
    shutil.rmtree(root)
    server = begun()
    try:
        assert server.healthy()
        assert started(first) is None or server.folder.is_relative_to(root)
    finally:
        server.abort()
        shutil.rmtree(server.folder)
        if started(first):
            os.kill(first, signal.SIGQUIT)
