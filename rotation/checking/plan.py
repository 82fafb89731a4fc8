"""What `pulumi preview --json` would change, before OPA: the changes alone, beside what is declared and in force."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from containment import estates
from containment.adapters.opa import Opa
from containment.compiled import planned, resources
from containment.incidents.incident import Mode
from policies.errors import InputError
from policies.load import load
from policies.model import Estate
from rotation.checking.declarations import Checked

MAX_BYTES = 256 * 1024 * 1024
PACKAGE = "portcullis.plan"


def check_plan(file: str, opa_url: str, open_incidents: list[str] | None, last: Estate | None = None) -> Checked:
    """`file`: a path, or `-` for standard input. `open_incidents`: their ids; None when no server could be asked, which
    the rules refuse. `last`: what the last apply declared, which an incident keeps. Raises InputError for what is no
    preview, DeclarationError, Unreachable."""
    preview = _read(file)
    decision = Opa(opa_url).decide(PACKAGE, question(preview, load(), file, open_incidents, last))
    return Checked(decision.violations, decision.reasons, 0 if decision.allow else 1, f"{len(preview['steps'])} steps")


def question(
    preview: dict[str, Any], estate: Estate, file: str, open_incidents: list[str] | None, last: Estate | None = None
) -> dict[str, Any]:
    """Inputs of resources only: a preview masks what Pulumi holds for secret, outputs are not needed. What is declared
    is what the policy pack goes by: in an incident with what the last apply declared besides."""
    mode = preview.get("config", {}).get("portcullis:incident")
    incident = mode == Mode.LOCK or bool(open_incidents)
    if incident:
        estate = estates.with_kept(estate, last or estate)
    steps = [_step(step, file) for step in preview["steps"]]
    read = [step for step, raw in zip(steps, preview["steps"], strict=True) if step is not raw]
    asked: dict[str, Any] = {
        "errors": [d.get("message", "") for d in preview.get("diagnostics", []) if d.get("severity") == "error"],
        "steps": steps,
        "policies": planned.policies(estate),
        "resources": _declared(read, estate, incident=incident),
        "lifting": mode == Mode.LIFT,
    }
    return asked if open_incidents is None else {**asked, "open_incidents": open_incidents}


def _declared(steps: list[dict[str, Any]], estate: Estate, *, incident: bool) -> resources.Resources:
    """Of the resources of the plan alone. What goes is declared under its own name only, not under that of every one
    of its type."""
    known, leaving = resources.resources(estate, os.environ, incident=incident), planned.leaving(estate)
    found: resources.Resources = {}
    for step in steps:
        kind, name, imported = step["type"], step["name"], step["old"].get("repositoryId")
        if step["op"] == "delete":
            given = {name: known[kind][name]} if name in known.get(kind, {}) and name not in leaving else {}
        else:
            given = resources.of_one(known, kind, name)
        if kind in known:
            found.setdefault(kind, {}).update(resources.with_repository(given, imported) if imported else given)
    return found


def _step(step: Any, file: str) -> Any:
    if not isinstance(step, dict) or not isinstance(step.get("urn"), str):
        return step  # for the rules to refuse
    kind, _, name = step["urn"].split("::", 2)[-1].rpartition("::")
    states = {which: (step.get(f"{which}State") or {}).get("inputs") or {} for which in ("old", "new")}
    return {
        "op": step.get("op"),
        "type": kind.rpartition("$")[2],
        "name": name,
        "source": {"file": file, "line": 0},
        **states,
    }


def _read(file: str) -> dict[str, Any]:
    try:
        if file == "-":
            text = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with Path(file).open("rb") as opened:
                text = opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError(f"--plan {file}: {error.strerror}") from error
    if len(text) > MAX_BYTES:
        raise InputError(f"--plan {file}: larger than {MAX_BYTES} bytes")
    try:
        preview = json.loads(text)
    except ValueError as error:
        raise InputError(f"--plan {file}: not JSON; give the output of `pulumi preview --json`") from error
    if not isinstance(preview, dict) or not isinstance(preview.get("steps"), list):
        raise InputError(f"--plan {file}: has no steps; give the output of `pulumi preview --json`")
    return preview
