"""Policies in files: one, or all of a folder, HCL and JSON alike."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from access.errors import PolicyError
from access.policy import parse
from access.rule import Policy
from access.snapshot import Attached, Place, Principal, PrincipalKind, Snapshot
from policies.errors import InputError

MAX_BYTES = 4 * 1024 * 1024
"""Four times what a server takes."""
_SUFFIXES = (".hcl", ".json")


def snapshot(folder: Path, now: datetime) -> Snapshot:
    """Each file under it as a policy on its own, named as `policies` does; answers are for `now`."""
    return Snapshot(tuple(_alone(policy, now) for policy in policies([folder], now)))


def _alone(policy: Policy, now: datetime) -> Principal:
    attached, place = Attached(policy, f"file {policy.source}"), Place(policy.source, 1)
    return Principal(PrincipalKind.POLICY, policy.name, (attached,), place=place, asked=now)


def policies(paths: Iterable[Path], now: datetime) -> tuple[Policy, ...]:
    """A file's policy is named by the file, without its ending; what has expired is in it all the same. Raises
    InputError naming every offender."""
    found: dict[str, Policy] = {}
    offenders: list[str] = []
    for file in [file for path in paths for file in _files(path)]:
        try:
            policy = parse(_text(file), str(file), name=file.stem, now=now)
        except PolicyError as error:
            offenders.append(str(error))
            continue
        if policy.name in found:
            offenders.append(f"{file}: the name {policy.name!r} is {found[policy.name].source}'s too: rename one")
        found.setdefault(policy.name, policy)
    if offenders:
        raise InputError("\n".join(offenders))
    return tuple(found.values())


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(f for f in path.rglob("*") if f.suffix in _SUFFIXES)
    if not found:
        raise InputError(f"{path}: holds no policy; they end in {' or '.join(_SUFFIXES)}")
    return found


def _text(file: Path) -> str:
    """Raises InputError. Of a pipe nothing is read."""
    try:
        if not file.is_file():
            raise InputError(f"{file}: there is no such regular file")
        with file.open("rb") as opened:
            content = opened.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise InputError(f"{file}: larger than {MAX_BYTES} bytes")
        return content.decode()
    except UnicodeDecodeError as error:
        raise InputError(f"{file}: is not UTF-8") from error
    except OSError as error:
        raise InputError(f"{file}: cannot be read: {error.strerror}") from error
