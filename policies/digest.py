"""What the declarations are, in one number: who approves and who applies compute the same from the same files."""

from __future__ import annotations

import hashlib
from pathlib import Path


def digest(folder: Path) -> str:
    """SHA-256, as 64 hex digits, over the name in the folder and the SHA-256 of each file that `policies.load` reads,
    in the order of their names. Revision, place and files that are not read make no difference. Load the folder before:
    what does not load is not worth a digest. Raises OSError."""
    whole = hashlib.sha256()
    for name, file in sorted((path.relative_to(folder).as_posix(), path) for path in folder.rglob("*.yaml")):
        whole.update(f"{len(name.encode())} {name} {of_file(file)}\n".encode())  # the length: a name may hold anything
    return whole.hexdigest()


def of_file(file: Path) -> str:
    """SHA-256 of its bytes. Raises OSError."""
    return hashlib.sha256(file.read_bytes()).hexdigest()
