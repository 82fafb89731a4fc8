"""The declarations before OPA: what no rule allows is applied nowhere."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from containment.question import question
from policies import fields
from policies.errors import Finding, InputError
from policies.model import Estate

if TYPE_CHECKING:
    from containment.adapters.opa import Decision
    from containment.folder.decisions import Judge


class Refused(Finding):
    """The policies do not allow the declarations; the message names each violation."""


def opa_url(environ: Mapping[str, str] = os.environ) -> str:
    """Raises InputError when no OPA server is named."""
    url = environ.get("OPA_URL")
    if not url:
        raise InputError('no OPA server is named: set OPA_URL, as `eval "$(portcullis sandbox env)"` does')
    return url


def decide(estate: Estate, opa: Judge) -> Decision:
    """What OPA says of the declarations, each violation on the line of its field. Raises Unreachable or InputError."""
    decision = opa.decide("portcullis.declaration", question(estate))
    declared: tuple[Any, ...] = (
        *estate.secrets,
        *estate.mounts,
        *estate.workloads,
        *estate.ci_roles,
        *estate.repositories,
    )
    lines = {item.source.file: item.source.lines for item in declared if item.source.lines}
    return decision.located(lambda v: fields.line(lines[v.file], v.field) if v.file in lines else v.line)


def judge(estate: Estate) -> None:
    """Raises Refused when a rule objects, Unreachable or InputError when nobody could be asked."""
    from containment.adapters.opa import Opa
    from containment.folder.decisions import Kept

    decision = decide(estate, Kept(Opa(opa_url())))
    if not decision.allow:
        raise Refused("the policies do not allow the declarations: " + "; ".join(decision.reasons))
