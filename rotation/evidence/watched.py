"""What a drill watched: each credential that its attacker went on using, each service that went on working."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from rotation.evidence.leaked import Attacker, Credential, Line
from rotation.evidence.reading import Row, number
from rotation.evidence.timeline import clock


@dataclass(frozen=True, slots=True)
class Service:
    workload: str
    interrupted: str
    last_ok: str
    first_ok_after: str
    back: bool


def tried(probes: list[Row], attackers: Sequence[Row]) -> tuple[Credential, ...]:
    """What a drill went on trying, a credential of the attacker's each."""
    by_name = {str(a.get("credential", "")): _attacker(a) for a in attackers}
    found = dict.fromkeys([*(str(p.get("credential", "")) for p in probes), *by_name])
    return tuple(
        Credential(
            name,
            tuple(
                _probe(*said, times=times)
                for said, times in Counter(
                    (str(p.get("what", "")), str(p.get("expected", "")), str(p.get("observed", "nothing")))
                    for p in probes
                    if str(p.get("credential", "")) == name
                ).items()
            ),
            by_name.get(name),
        )
        for name in found
    )


def _probe(what: str, expected: str, observed: str, times: int) -> Line:
    more = f", {times} times" if times > 1 else ""
    wanted = "" if expected == observed else f" (expected: {expected})"
    return Line(what, expected == observed, f"{observed}{more}{wanted}")


def _attacker(row: Row) -> Attacker:
    last, refused = number(row.get("last_success")), number(row.get("first_refused"))
    return Attacker(
        clock(last) if last is not None else "never",
        clock(refused) if refused is not None else "never",
        str(row.get("attempts", "")),
        refused is not None and (last is None or refused >= last),
    )


def interrupted(row: Row) -> float:
    seconds = number(row.get("interrupted_seconds"))
    return math.inf if seconds is None else seconds


def service(row: Row) -> Service:
    after, lasted = number(row.get("first_ok_after")), number(row.get("interrupted_seconds"))
    return Service(
        str(row.get("workload", "")),
        "not at all" if lasted == 0 else seconds(lasted, "still out"),
        clock(number(row.get("last_ok"))),
        clock(after),
        after is not None or lasted == 0,
    )


def seconds(value: object, never: str = "not reached") -> str:
    found = number(value)
    return never if found is None else f"{found:.2f} s"
