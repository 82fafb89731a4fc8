"""A CI role: it is off until the lift, so no token of it may be left at all. It logs in afresh when it is on again."""

from __future__ import annotations

from rotation.steps.tokens import end_step
from rotation.work import Step, Work


def steps(work: Work) -> tuple[Step, ...]:
    return (end_step(work, work.ci_role(), lambda: work.vault.now() + 1),)
