"""The declarations before OPA: what no rule allows is applied nowhere."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from policies.errors import Finding, InputError
from policies.model import Estate


class Refused(Finding):
    """The policies do not allow the declarations; the message names each violation."""


def question(estate: Estate) -> dict[str, Any]:
    """What `portcullis.declaration` judges: the typed model as plain lists; TTLs in seconds, no secret value."""
    return {
        "secrets": [{**asdict(secret), "kind": secret.kind} for secret in estate.secrets],
        "workloads": [asdict(workload) for workload in estate.workloads],
        "ci_roles": [asdict(role) for role in estate.ci_roles],
        "repositories": [asdict(repository) for repository in estate.repositories],
    }


def opa_url(environ: Mapping[str, str] = os.environ) -> str:
    """Raises InputError when no OPA server is named."""
    url = environ.get("OPA_URL")
    if not url:
        raise InputError('no OPA server is named: set OPA_URL, as `eval "$(portcullis sandbox env)"` does')
    return url


def judge(estate: Estate) -> None:
    """Raises Refused when a rule objects, Unreachable or InputError when nobody could be asked."""
    from containment.adapters.opa import Opa

    decision = Opa(opa_url()).decide("portcullis.declaration", question(estate))
    if not decision.allow:
        raise Refused("the policies do not allow the declarations: " + "; ".join(decision.reasons))
