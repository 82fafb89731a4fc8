"""Policies in files: one, or all of a folder, HCL and JSON alike."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from access.errors import PolicyError
from access.policy import parse
from access.rule import Policy
from access.snapshot import Attached, Place, Principal, PrincipalKind, Snapshot
from policies.errors import InputError

MAX_BYTES = 4 * 1024 * 1024
"""Four times what a server takes."""
_SUFFIXES = (".hcl", ".json")


def snapshot(folder: Path) -> Snapshot:
    """Each file under it as a policy on its own, named as `policies` does."""
    return Snapshot(
        tuple(
            Principal(PrincipalKind.POLICY, p.name, (Attached(p, f"file {p.source}"),), place=Place(p.source, 1))
            for p in policies([folder])
        )
    )


def policies(paths: Iterable[Path]) -> tuple[Policy, ...]:
    """A file's policy is named by the file, without its ending. Raises InputError naming every offender."""
    found: dict[str, Policy] = {}
    offenders: list[str] = []
    for file in [file for path in paths for file in _files(path)]:
        try:
            policy = parse(_text(file), str(file), name=file.stem)
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
