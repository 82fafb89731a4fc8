"""What `pulumi preview --json` would change, before OPA: the changes alone, beside what is declared and in force."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from containment.adapters.opa import Opa
from containment.compiled import planned
from policies.errors import InputError
from policies.load import load
from policies.model import Estate
from rotation.checking.declarations import Checked

MAX_BYTES = 256 * 1024 * 1024
PACKAGE = "portcullis.plan"


def check_plan(file: str, opa_url: str, open_incidents: list[str] | None) -> Checked:
    """`file`: a path, or `-` for standard input. `open_incidents`: their ids; None when no server could be asked, which
    the rules refuse. Raises InputError for what is no preview, DeclarationError, Unreachable."""
    preview = _read(file)
    decision = Opa(opa_url).decide(PACKAGE, question(preview, load(), file, open_incidents))
    return Checked(decision.violations, decision.reasons, 0 if decision.allow else 1, f"{len(preview['steps'])} steps")


def question(preview: dict[str, Any], estate: Estate, file: str, open_incidents: list[str] | None) -> dict[str, Any]:
    """Inputs of resources only: a preview masks what Pulumi holds for secret, outputs are not needed."""
    asked: dict[str, Any] = {
        "errors": [d.get("message", "") for d in preview.get("diagnostics", []) if d.get("severity") == "error"],
        "steps": [_step(step, file) for step in preview["steps"]],
        "policies": planned.policies(estate),
        "lifting": preview.get("config", {}).get("portcullis:incident") == "false",
    }
    return asked if open_incidents is None else {**asked, "open_incidents": open_incidents}


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
