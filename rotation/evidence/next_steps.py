"""What an incident commander does next, from what is open. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from shlex import quote

from containment.incidents.incident import State
from containment.incidents.proofs import INCIDENT
from rotation.evidence.replaced import Replaced

_AGAIN = "pulumi up --yes --skip-preview --config incident=keep"
"""`keep`, whatever the stack's file asks for by now."""


@dataclass(frozen=True, slots=True)
class Step:
    """`command` is empty where a person decides or looks."""

    why: str
    command: str = ""


def next_steps(
    incident: str,
    state: str,
    *,
    not_contained: Sequence[str],
    unproven: bool,
    replaced: Sequence[Replaced],
    out: Sequence[str],
    changed: bool,
    opened_date: str,
    unrecorded: bool = False,
    scope: str = "",
) -> tuple[Step, ...]:
    """In the order in which to do them. `out`: workloads that do not work again; `opened_date`: for the postmortem.
    `unrecorded`: this machine does not know whether the server has the incident in force, with which `scope`."""
    steps: list[Step] = []
    lifted = state == State.LIFTED
    if changed:
        steps.append(
            Step(
                "The evidence was changed after it was sealed. Copy the folder away as it is, before anything else, "
                "and find out by whom.",
                f"portcullis evidence verify {incident}",
            )
        )
    named = f" --scope {quote(scope)}" if scope else ""  # the folder may say anything
    again = f"portcullis contain --incident-id {incident}{named}" if unrecorded else _AGAIN
    if not_contained:
        steps.append(
            Step(
                "Not contained. Bring back the system that each open point names, then run the lock-down again: it "
                "goes on where it stopped.",
                again,
            )
        )
    elif unproven and not lifted:
        steps.append(
            Step(
                "Containment is not proven. Run the lock-down again: it observes afresh and writes down what it sees.",
                again,
            )
        )
    left = [r.item for r in replaced if not r.holds]
    if left and not lifted:
        why = f"Replace what leaked, production first. Not proven: {', '.join(left)}."
        if left == [INCIDENT]:
            why = "Prove that the workloads are back and that nothing retired was used: the lift asks for both."
        steps.append(Step(why, f"portcullis rotate run {incident}"))
    if out:
        steps.append(
            Step(
                f"Not working again: {', '.join(out)}. Let each log in afresh; when it is still refused, its new "
                "credential has not reached it.",
                "portcullis rotate status " + incident,
            )
        )
    words = [r.item for r in replaced if r.word]
    if not lifted and not steps:
        proven = f"Everything is proven but {', '.join(words)}, a person's word" if words else "Everything is proven"
        steps.append(
            Step(
                f"{proven}. Lift; it is refused, with the reasons, when a proof is missing or too old.",
                f"pulumi up --config incident=false --config incidentId={incident}",
            )
        )
    if lifted:
        steps.append(
            Step(
                f"Write the postmortem within 48 hours of {opened_date} (docs/templates/postmortem.md), and file the "
                "long-term fixes.",
            )
        )
    steps.append(
        Step("Collect what came in since, seal it, write this page anew.", f"portcullis evidence collect {incident}")
    )
    return tuple(steps)
