"""The sandbox as a whole: ports once chosen are kept, one lock, services by their ids, one 0700 folder of state."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from policies.errors import InputError, Unreachable
from sandbox import settings, tls
from sandbox.process import remembered, reserve, write_private
from sandbox.services.base import Service
from sandbox.services.exchange import ExchangeDouble
from sandbox.services.github import GithubDouble
from sandbox.services.opa import OpaServer
from sandbox.services.openbao import OpenBao
from sandbox.services.pagerduty import PagerdutyDouble
from sandbox.services.postgres import Postgres

REPOSITORY = Path(__file__).resolve().parent.parent
DEFAULT = REPOSITORY / ".sandbox"
SETTINGS = "Pulumi.local.yaml"
_SERVICES: tuple[type[Service], ...] = (OpenBao, Postgres, OpaServer, ExchangeDouble, GithubDouble, PagerdutyDouble)
_NOT_UP = "the sandbox is not up; run `portcullis sandbox up`"

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    name: str
    pid: int | None
    port: int
    healthy: bool


class Sandbox:
    def __init__(self, root: Path = DEFAULT) -> None:
        self.root = root.resolve()

    @contextmanager
    def _lock(self) -> Iterator[None]:
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.root.chmod(0o700)
            (self.root / "secrets").mkdir(mode=0o700, exist_ok=True)
            opened = (self.root / "lock").open("w")
        except OSError as error:
            raise InputError(
                f"the sandbox's folder: {error.filename}: {error.strerror}; PORTCULLIS_SANDBOX names another"
            ) from error
        with opened as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def _ports(self) -> dict[str, int]:
        file = self.root / "ports.json"
        kept: dict[str, int] = remembered(file) if file.exists() else {}
        return {**{s.name: 0 for s in _SERVICES}, **kept}

    def services(self) -> list[Service]:
        ports = self._ports()
        return [kind(self.root, ports[kind.name]) for kind in _SERVICES]

    def service(self, name: str) -> Service:
        """Raises InputError for a name that is no service."""
        for service in self.services():
            if service.name == name:
                return service
        raise InputError(f"no service {name!r}; one of {', '.join(s.name for s in _SERVICES)}")

    @property
    def delivered(self) -> Path:
        """Where identities are handed to workloads, a 0600 file each."""
        return self.root / "delivered"

    @property
    def openbao(self) -> OpenBao:
        return OpenBao(self.root, self._ports()[OpenBao.name])

    @property
    def postgres(self) -> Postgres:
        return Postgres(self.root, self._ports()[Postgres.name])

    def up(self, progress: Progress) -> None:
        """Start what does not run. What this call started is stopped again when it is interrupted or fails; not where
        the declarations are what is wrong."""
        with self._lock():
            tls.ensure(self.root)
            started: list[Service] = []
            try:
                with self._reserve_ports():
                    services = self.services()
                    for service in services:  # one gets ready while the next begins
                        if service.process.running() is None:
                            progress(f"starting {service.name} on port {service.port}")
                            started.append(service)
                            service.begin()
                    for service in services:
                        service.start()
                from sandbox.estate import prepare

                prepare(self, progress)
            except InputError:
                raise  # a declaration that is wrong is no reason to stop a server that was down
            except BaseException:
                for service in reversed(started):
                    service.stop()
                raise

    def down(self, progress: Progress) -> None:
        self._end(progress, Service.stop)

    def _end(self, progress: Progress, how: Callable[[Service], bool]) -> None:
        with self._lock():
            for service in reversed(self.services()):
                if how(service):
                    progress(f"stopped {service.name}")

    def reset(self, progress: Progress) -> None:
        """Stop everything at once and remove all state."""
        self._end(progress, Service.abort)
        folders = [s.folder for s in self.services()]
        for folder in [*folders, self.root]:
            if folder.exists():
                shutil.rmtree(folder)
        if self.root == DEFAULT and settings.forget(REPOSITORY / SETTINGS):
            progress(f"took this sandbox's salt and incident out of {SETTINGS}")

    def status(self) -> list[ServiceStatus]:
        if not self.root.exists():
            return [ServiceStatus(s.name, None, 0, False) for s in _SERVICES]
        found = []
        for service in self.services():
            pid = service.process.running()
            found.append(ServiceStatus(service.name, pid, service.port, pid is not None and service.healthy()))
        return found

    def stopped(self) -> list[str]:
        """Names of the services that do not run."""
        return [s.name for s in self.services() if s.process.running() is None]

    def environ(self) -> dict[str, str]:
        """Variables for a shell in which plain pulumi, bao, psql, opa and curl work. Raises Unreachable when down."""
        if self.stopped():
            raise Unreachable(_NOT_UP)
        return self.environ_unchecked()

    def environ_unchecked(self) -> dict[str, str]:
        """The same while a server is down, for those who try what happens then."""
        result: dict[str, str] = {}
        for service in self.services():
            result.update(service.environ())
        pulumi = self.root / "pulumi"
        for made in (pulumi / "state", self.root / "rotation"):
            made.mkdir(parents=True, exist_ok=True, mode=0o700)
        passphrase = self.root / "secrets" / "pulumi.passphrase"
        if not passphrase.exists():
            write_private(passphrase, secrets.token_urlsafe(24))
        bundle = str(self.root / "ca-bundle.pem")
        from tools.bootstrap import ensure

        tools = ensure().environ()
        return {
            **result,
            **tools,
            "PATH": os.pathsep.join([tools["PATH"], str(self.postgres.programs)]),  # psql, where there is no other
            "PORTCULLIS_SANDBOX": str(self.root),
            "PORTCULLIS_CREDENTIALS": str(self.root / "credentials"),
            "PORTCULLIS_DELIVERY_DIR": str(self.delivered),
            "PORTCULLIS_APPROVER_TOKEN_FILE": str(self.root / "secrets" / "approver.token"),
            "PORTCULLIS_PROBER_TOKEN_FILE": str(self.root / "secrets" / "prober.token"),
            "PORTCULLIS_ROTATOR_TOKEN_FILE": str(self.root / "secrets" / "rotator.token"),
            "PORTCULLIS_ROTATION_DATABASE": f"sqlite:///{self.root / 'rotation' / 'steps.sqlite'}",
            "PULUMI_BACKEND_URL": f"file://{pulumi / 'state'}",
            "PULUMI_CONFIG_PASSPHRASE_FILE": str(passphrase),
            "PULUMI_STACK": "local",
            "PULUMI_CONTINUE_ON_ERROR": "true",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "SSL_CERT_FILE": bundle,
            "GIT_SSL_CAINFO": bundle,
            "CURL_CA_BUNDLE": bundle,
            "REQUESTS_CA_BUNDLE": bundle,
            "VIRTUAL_ENV": sys.prefix,
        }

    def variables(self) -> dict[str, str]:
        """`environ`, while a server is down too. Raises Unreachable when none is up."""
        if len(self.stopped()) == len(_SERVICES):
            raise Unreachable(_NOT_UP)
        return self.environ_unchecked()

    @contextmanager
    def _reserve_ports(self) -> Iterator[None]:
        """Keep a running service's port; choose a free one where the old one was taken meanwhile.

        Each is held, bound but not listening, until its server listens: another sandbox starting at the same time
        is then given other ports, while the server itself may bind it (both set SO_REUSEADDR; see socket(7)).
        """
        ports = self._ports()
        with ExitStack() as held:
            for kind in _SERVICES:
                if kind(self.root, ports[kind.name]).process.running() is None:
                    probe = held.enter_context(reserve(ports[kind.name]))
                    ports[kind.name] = probe.getsockname()[1]
            write_private(self.root / "ports.json", json.dumps(ports))
            yield


def here() -> Sandbox:
    """The sandbox that PORTCULLIS_SANDBOX names, else the one of this checkout."""
    return Sandbox(Path(os.environ.get("PORTCULLIS_SANDBOX") or DEFAULT))
