"""What `portcullis.approval` is asked: a diff, and what GitHub says of its pull request."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from containment.adapters.github_reviews import PullRequest, Review, Written
from policies.errors import InputError


def read_diff(name: str) -> dict[str, Any]:
    """What `portcullis access diff --json` printed, from a file, or from stdin for `-`. Raises InputError."""
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text()
        diff = json.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{name}: cannot be read: {error}") from error
    except ValueError as error:
        raise InputError(f"{name}: is no JSON; give what `portcullis access diff --json` prints") from error
    changes = diff.get("changes") if isinstance(diff, dict) else None
    if not isinstance(changes, list) or not all(isinstance(c, dict) for c in changes):
        raise InputError(f"{name}: has no list of changes; give what `portcullis access diff --json` prints")
    return dict(diff)


def teams(diff: Mapping[str, Any], security: str) -> list[str]:
    """Whom the decision may ask for. A team too few only denies."""
    said = [c.get("owner") for c in diff["changes"]]
    said += [c.get("before") for c in diff["changes"] if c.get("what") == "owner"]
    return sorted({security, *(team for team in said if isinstance(team, str) and team)})


def question(
    diff: Mapping[str, Any],
    pull: PullRequest,
    written: Written,
    reviews: Iterable[Review],
    members: Mapping[str, tuple[str, ...] | None],
) -> dict[str, Any]:
    """`members` is None for a team that GitHub does not have."""
    return {
        "diff": diff,
        "pull": {**asdict(pull), **asdict(written)},
        "reviews": [asdict(r) for r in reviews],
        "teams": {team: logins for team, logins in members.items() if logins is not None},
    }
