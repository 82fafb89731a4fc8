"""Which files of the repository decide access beside the declarations: all that are not known to be harmless. Pure."""

from __future__ import annotations

from pathlib import PurePosixPath

HARMLESS_FOLDERS = ("docs", "reports", "tests")
"""At the top of the product's checkout; what nothing loads that grants, denies or approves."""
HARMLESS_SUFFIX = ".md"
GITHUB = ".github"
"""Workflows and code owners, always at the top of the repository."""

_DECLARED = ("policies", "access")
_READ = (".yaml", ".hcl", ".json")
"""What is read of the folder of declarations, and so compared itself (`policies.load`, `access.sources.files`)."""


def checkout(declared: str) -> str:
    """Where the product stands in the repository, "" for its top: a larger one has files of others beside it.
    `declared`: the folder of the declarations from there. Of one that is called otherwise nobody knows: the top."""
    parts = PurePosixPath(declared).parts
    return "/".join(parts[:-2]) if parts[-2:] == _DECLARED else ""


def decides(file: str, declared: str) -> bool:
    """`file`: from the top of the repository, as git has it."""
    path = PurePosixPath(file)
    if path.parts[0] == GITHUB:
        return True
    if not path.is_relative_to(checkout(declared)):
        return False
    if path.is_relative_to(declared) and path.suffix in _READ:
        return False
    parts = path.relative_to(checkout(declared)).parts
    return not (path.suffix == HARMLESS_SUFFIX or (len(parts) > 1 and parts[0] in HARMLESS_FOLDERS))
