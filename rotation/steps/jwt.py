"""A workload whose identity another issuer signs: its tokens are gone and its login is off; that the issuer's side is
replaced is a person's word."""

from __future__ import annotations

from containment.incidents import proofs
from rotation.proving import open_step
from rotation.steps.manual import confirmation_step
from rotation.steps.tokens import end_step
from rotation.work import Step, Work


def steps(work: Work) -> tuple[Step, ...]:
    tokens = end_step(work, work.workload(), work.cut)
    return (tokens, confirmation_step(work, proofs.NEW_ALIVE, tokens.verify), open_step(work))
