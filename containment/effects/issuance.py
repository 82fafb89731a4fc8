"""Nothing new for what leaked, nothing long-lived for the rest: roles off in place, TTLs capped. It stops no token that
is out; revocation comes after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import groupby
from typing import Any
from urllib.parse import quote

from containment import names
from containment.compiled import caps, locked, logins
from containment.compiled.held import wrong
from containment.incidents.incident import Incident
from containment.incidents.scope import Affected, affected
from containment.ports import Vault
from containment.report import Outcome
from containment.run import WORKERS, Run, Seen
from policies.errors import PortcullisError, Unreachable
from policies.model import AuthMethod, CiRole, Estate, Workload

_JOBS_OFF = "login of its jobs off"


def stop(run: Run) -> None:
    def off(identity: CiRole | Workload) -> Seen:
        return converge(run.systems.vault, names.login_role(identity), locked.OFF_ROLE)

    run.each("CI role off", [(c.name, partial(off, c)) for c in run.affected.ci_roles])
    run.each("login off", [(w.name, partial(off, w)) for w in by_jwt(run.affected)])
    run.each(_JOBS_OFF, [(path, partial(converge, run.systems.vault, path, locked.OFF_ROLE)) for path in jobs(run)])
    renewed = caps.renewed(run.estate, run.affected, run.incidents)
    run.each("next batch tokens", [(c.name, partial(converge, run.systems.vault, c.path, c.peace)) for c in renewed])
    cap(run)


def by_jwt(affected: Affected) -> list[Workload]:
    """Those that leaked and are not replaced."""
    return [w for w in affected.unreplaced_workloads if w.auth is AuthMethod.JWT]


def jobs(run: Run) -> list[str]:
    """Login roles of the control repository's jobs, where it leaked: they log in as the product's own identities. By
    which claims an administrator alone knows, who binds these roles again."""
    folder = f"auth/{names.JWT}/role"
    if not run.affected.control_leaked:
        return []
    try:
        declared = {names.login_role(identity) for identity in logins.identities(run.estate)}
        paths = {f"{folder}/{quote(key)}" for key in run.systems.vault.keys(folder)} - declared
        held = {path: (run.systems.vault.read(path) or {}).get("token_policies") or () for path in sorted(paths)}
    except PortcullisError as error:
        run.fail(_JOBS_OFF, folder, error)
        return []
    return [path for path, policies in held.items() if not names.KEEPERS.isdisjoint(policies)]


def cap(run: Run) -> None:
    for what, some in groupby(caps.caps(run.affected, run.incidents), lambda c: c.what):
        run.each(what, [(c.name, partial(converge, run.systems.vault, c.path, c.incident)) for c in some])


def uncap(run: Run, before: Affected) -> None:
    """What was in scope `before` is as in peace again, unless another incident still has it in scope."""
    freed = caps.freed(before, run.affected, run.incidents)
    for what, some in groupby(freed, lambda c: "mount restored" if c.what == caps.MOUNT else "role restored"):
        run.each(what, [(c.name, partial(converge, run.systems.vault, c.path, c.peace)) for c in some])


def uncapped(vault: Vault, estate: Estate, incidents: Sequence[Incident]) -> list[str]:
    """Paths of roles and mounts whose TTLs an open incident caps and the server does not, with the parameters.
    Reads only."""
    return [f"{cap.path} ({', '.join(lacks)})" for cap, lacks in to_cap(vault, estate, incidents)]


def to_cap(vault: Vault, estate: Estate, incidents: Sequence[Incident]) -> list[tuple[caps.Cap, list[str]]]:
    """Caps of the open ones of `incidents` that the server lacks, with the parameters. Reads only."""

    def look(cap: caps.Cap) -> tuple[caps.Cap, list[str]]:
        held = _read(vault, cap.path)
        return cap, [] if held is None else wrong(held, cap.incident)

    with ThreadPoolExecutor(WORKERS) as pool:
        found = pool.map(look, caps.caps(affected(estate, incidents), incidents))
        return [(cap, lacks) for cap, lacks in found if lacks]


def converge(vault: Vault, path: str, wanted: Mapping[str, object]) -> Seen:
    held = _read(vault, path)
    if held is None:
        return Outcome.ALREADY, "does not exist"
    if not wrong(held, wanted):
        return Outcome.ALREADY, "in force"
    vault.write(path, dict(wanted))
    left = wrong(vault.read(path) or {}, wanted)
    return (Outcome.FAILED, f"not in force: {', '.join(left)}") if left else (Outcome.DONE, "in force")


def _read(vault: Vault, path: str) -> dict[str, Any] | None:
    """None where it is gone, of which the server makes an error for a mount."""
    try:
        return vault.read(path)
    except Unreachable as error:
        if "cannot fetch sysview" in str(error):
            return None
        if "permission denied" in str(error) and path.startswith("sys/mounts/"):
            raise Unreachable(f"{error}: the administrator's part again (README), by which this token may") from error
        raise
