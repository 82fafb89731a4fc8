"""What OPA was asked by a gate and what it said: one line a decision, kept beside the incidents for their evidence.

A look (`portcullis check`) is no gate. Of the declarations a digest is kept, since the repository has them; who asked
for what credential, and which proofs lifted, is kept whole: no question holds a secret value.
"""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from typing import Any, Protocol

from containment.adapters.opa import Decision
from containment.folder import files, record
from policies.errors import PortcullisError, Unreachable

FILE = "decisions.jsonl"
WHOLE = ("portcullis.issue", "portcullis.lift")
"""Packages whose questions are small and about this moment only."""


class Judge(Protocol):
    def decide(self, package: str, question: dict[str, Any]) -> Decision: ...


class Kept:
    """A judge whose every decision is written down before it is acted on; that nobody answered is written down too."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge

    def decide(self, package: str, question: dict[str, Any]) -> Decision:
        """Raises as the judge does, and Unreachable when the decision cannot be kept: then nothing is to follow it."""
        try:
            decision = self._judge.decide(package, question)
        except PortcullisError as error:
            _append(_entry(package, question, {"error": str(error)}))
            raise
        _append(_entry(package, question, {"allow": decision.allow, "reasons": list(decision.reasons)}))
        return decision


def during(folder: Path, since: float, until: float | None) -> tuple[list[dict[str, Any]], int]:
    """Of the incidents' `folder`, the decisions between two moments (epoch seconds), and how many lines are torn."""
    try:
        kept, torn = files.json_lines(folder / FILE)
    except OSError as error:
        raise Unreachable(f"decision log {FILE}: {error.strerror}") from error
    found = []
    for entry in kept:
        at = entry.get("at")
        if isinstance(at, bool) or not isinstance(at, int | float):
            torn += 1
        elif since <= at and (until is None or at <= until):
            found.append(entry)
    return found, torn


def _entry(package: str, question: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    text = json.dumps(question, sort_keys=True)
    asked = {"input": question} if package in WHOLE else {}
    digest = hashlib.sha256(text.encode()).hexdigest()
    return {"at": round(time.time(), 3), "package": package, "input_sha256": digest, **asked, **answer}


def _append(entry: dict[str, Any]) -> None:
    file = record.place(FILE)
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        files.append(file, [entry])
    except OSError as error:
        raise Unreachable(f"decision log {file.name}: {error.strerror}") from error
