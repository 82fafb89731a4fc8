"""The evidence of one incident: files written once, redacted, and sealed into a hash chain (`containment.folder`)."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from containment.folder import chain, files
from containment.folder.chain import MANIFEST, verify
from containment.folder.contents import Kind, Problem
from containment.folder.record import DEFAULT as INCIDENTS
from containment.incidents.incident import checked_id
from policies.errors import InputError
from rotation.evidence.redaction import redact, redact_argv, redact_certain

__all__ = [
    "INCIDENTS",
    "MANIFEST",
    "Evidence",
    "Kind",
    "Problem",
    "incident_folder",
    "redact",
    "verify",
]


def incident_folder(incident: str, incidents: Path = INCIDENTS) -> Path:
    """Where an incident's evidence lives. Raises InputError for an id that could leave the folder."""
    return incidents / checked_id(incident)


class Evidence:
    """Writes into one incident's folder, made with mode 0700. `secrets`: values that no file may contain.

    Raises InputError for a bad id or name and for a folder that is a symbolic link, Unreachable when the disk refuses.
    """

    def __init__(self, folder: Path, secrets: Iterable[str] = ()) -> None:
        incident_folder(folder.name, folder.parent)
        self._folder = folder
        self._secrets = tuple(secrets)
        for part in (folder, folder / "commands"):
            if part.is_symlink():
                raise InputError(f"{part.name} is a symbolic link: evidence is not written through it")
            try:
                part.mkdir(parents=True, exist_ok=True, mode=0o700)
                part.chmod(0o700)
            except OSError as error:
                raise files.refused(f"evidence of {folder.name}", error) from error

    def write_json(self, name: str, obj: object) -> Path:
        """Write `name` (`audit.json`), without the known secrets and whatever is unmistakably one."""
        if not name.endswith(".json") or name == MANIFEST or "/" in name:
            raise InputError(f"not a name for evidence: {name!r}")
        return files.write(self._folder, name, _document(_redacted(obj, self._secrets)))

    def add_command(self, name: str, argv: Sequence[str], exit_code: int, output: str) -> Path:
        """Keep what a revocation or rotation was and said, redacted, as `commands/NNNN-name.json`."""
        kept = {
            "name": name,
            "at": round(time.time(), 3),
            "argv": redact_argv(argv, self._secrets),
            "exit_code": exit_code,
            "output": redact(output, self._secrets),
        }
        number = sum(1 for _ in (self._folder / "commands").glob("[0-9]*.json"))
        while True:  # another writer may take the number first
            number += 1
            if next((self._folder / "commands").glob(f"{number:04}-*.json"), None) is None:
                try:
                    return files.write(self._folder, f"commands/{number:04}-{name}.json", _document(kept), new=True)
                except FileExistsError:
                    continue

    def write_acts(self, name: str, acts: Sequence[dict[str, object]]) -> Path:
        """Keep what one kind of act did and saw, target by target, redacted, as `commands/name.json`."""
        return files.write(self._folder, f"commands/{name}.json", _document(_redacted(acts, self._secrets)))

    def write_report(self, html: str) -> Path:
        """Keep the page, whose strings are redacted one by one."""
        return files.write(self._folder, "report.html", html.encode())

    def seal(self) -> str:
        """See `chain.seal`."""
        return chain.seal(self._folder)


def _document(obj: object) -> bytes:
    return (json.dumps(obj, indent=2, allow_nan=False) + "\n").encode()


def _redacted(obj: object, secrets: tuple[str, ...]) -> object:
    if isinstance(obj, str):
        return redact_certain(obj, secrets)
    if isinstance(obj, dict):
        return {redact_certain(str(k), secrets): _redacted(v, secrets) for k, v in obj.items()}
    if isinstance(obj, list | tuple):
        return [_redacted(v, secrets) for v in obj]
    return obj
