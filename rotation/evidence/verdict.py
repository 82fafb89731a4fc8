"""What the evidence says of the lock-down as a whole: never better than its worst part, no proof is no containment."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from containment.errors import KEEP
from containment.folder.record import LIFT_BEGUN
from containment.incidents.incident import State
from containment.report import CONTAINED
from rotation.evidence.leaked import Credential
from rotation.evidence.reading import Row, number


class Verdict(StrEnum):
    CONTAINED = "Contained"
    NOT_CONTAINED = "Not contained"
    UNPROVEN = "Not proven"


def half_lifted(incident: Row, told: Sequence[Row]) -> tuple[str, ...]:
    """A lift that was begun and has no end: by the record where it is of after that, and by what this machine noted."""
    if incident.get("state") != State.OPEN:
        return ()
    said = [str(e.get("what")) for e in told if e.get("what") in (LIFT_BEGUN, CONTAINED)]
    if not number(incident.get("lift_begun_at")) and said[-1:] != [LIFT_BEGUN]:
        return ()
    return (f"the lock-down (lift begun: it was not seen to its end, so what it took back is not in force: {KEEP})",)


def not_contained(
    drill: Row | None,
    containment: Row | None,
    effects: list[Row],
    tried: tuple[Credential, ...],
    named: tuple[Credential, ...],
) -> tuple[str, ...]:
    points: list[str] = []
    if containment is not None:
        points += [str(p) for p in containment.get("not_contained") or []]
        for effect in {(str(e.get("what")), str(e.get("target"))): e for e in effects}.values():  # the last word counts
            if effect.get("outcome") not in ("done", "already"):
                _add(points, effect)
        if containment.get("contained") is not True and not points:
            points.append("the lock-down says that it did not contain, and not what")
    for effect in (effect for credential in named for line in credential.lines for effect in line.failed):
        _add(points, effect)
    for credential in tried:
        points += [f"{credential.name}: {line.what}: {line.seen}" for line in credential.lines if not line.ok]
        if credential.attacker and not credential.attacker.refused:
            points.append(f"{credential.name}: the attacker was not refused after its last success")
    verdict = str((drill or {}).get("verdict", "contained"))
    if not verdict.lower().startswith("contained") and not points:
        points.append(f"the drill's verdict: {verdict}")
    return tuple(dict.fromkeys(points))


def _add(points: list[str], failed: Row) -> None:
    """Unless the lock-down's report says it, where one reason may stand for more than one target."""
    reason = f"({failed.get('what')}: {failed.get('detail')})"
    if not any(point.endswith(reason) for point in points):
        points.append(f"{failed.get('target')} {reason}")


def says(verdict: Verdict, points: tuple[str, ...], credentials: tuple[Credential, ...]) -> str:
    left = ", ".join(c.name for c in credentials if not c.holds)
    if verdict is Verdict.NOT_CONTAINED:
        return f"{len(points)} open point{'s' if len(points) > 1 else ''}, listed below. Act on them first."
    if verdict is Verdict.UNPROVEN:
        if failed := ", ".join(c.name for c in credentials if c.failed):
            return f"The lock-down's steps held, but it is not proven that the old one is dead: {failed}."
        return "Nothing says that it failed, but the evidence does not prove that it held. Treat it as open."
    if left:
        return f"Every step of the lock-down was seen to hold. Not proven dead, see below: {left}."
    each = ", and each leaked credential below was seen shut out" if credentials else ""
    return f"Every step was seen to hold{each}."
