"""One credential being replaced: what a step may use, what a step is, and how it is carried out."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from containment import former, names
from containment.former import Former
from containment.incidents import generations, replacements
from containment.incidents.incident import Incident, Made
from containment.incidents.scope import affected
from containment.ports import CodeHost, Custodian, Database, Upstream, Vault
from policies.errors import Finding, InputError, PortcullisError, Unreachable
from policies.model import CiRole, Estate, SecretAccessPolicy, Workload
from rotation.plan import Credential

_PAUSES = (0.5, 2.0, 0.0)
"""Seconds after each failed try. Every try begins by observing, so an answer that was lost is never asked for twice."""


class NotProven(Finding):
    """What the step set out to bring about was not seen."""


class Waiting(Finding):
    """A person has to do or to say something first."""


class Outcome(StrEnum):
    DONE = "done"
    ALREADY = "already"
    WAITING = "waiting"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Result:
    """Of one step. `detail` holds references and digests, never a value. `away`: it failed because a system could not
    be reached or refused."""

    step: str
    outcome: Outcome
    detail: str
    away: bool = False

    @property
    def holds(self) -> bool:
        return self.outcome in (Outcome.DONE, Outcome.ALREADY)

    def to_json(self) -> dict[str, Any]:
        return {"step": self.step, "outcome": self.outcome.value, "detail": self.detail, "away": self.away}

    @staticmethod
    def from_json(data: dict[str, Any]) -> Result:
        return Result(data["step"], Outcome(data["outcome"]), data["detail"], data.get("away", False))


@dataclass(frozen=True, slots=True)
class Work:
    vault: Custodian
    policy_store: Callable[[], Vault]
    """By another token, since the custodian's makes tokens (docs/adr/0007)."""
    database: Callable[[str], Database]
    upstream: Callable[[str], Upstream]
    code_host: Callable[[], CodeHost]
    estate: Estate
    incident_id: str
    credential: Credential
    delivery: Path | None
    """Folder that receives what is handed to workloads."""
    audit_log: Path | None

    def incident(self) -> Incident:
        """As the server holds it now. Raises InputError when it does not."""
        return find(self.vault.incidents(), self.incident_id)

    def secret(self) -> SecretAccessPolicy:
        return next(s for s in self.estate.secrets if s.name == self.credential.name)

    def workload(self) -> Workload:
        return next(w for w in self.estate.workloads if w.name == self.credential.name)

    def ci_role(self) -> CiRole:
        return next(c for c in self.estate.ci_roles if c.name == self.credential.name)

    def holder(self, policy: SecretAccessPolicy) -> list[str]:
        """The policies of a token of a workload that may read the secret, and may log in.

        Raises NotProven when nobody can try it.
        """
        holders = [w for w in self.estate.workloads if w.name in policy.readers]
        if not holders:
            raise NotProven(f"no workload may read {policy.name}, so nobody can try it")
        incidents = self.vault.incidents()
        shut = affected(self.estate, incidents).shut
        for workload in holders:
            if workload not in shut:
                return self.policies(workload)
        waits = [i.id for i in incidents if any(w in affected(self.estate, (i,)).shut for w in holders)]
        raise NotProven(
            f"{', '.join(w.name for w in holders)}, who could try {policy.name}, is not replaced yet in "
            f"{', '.join(waits)}: portcullis rotate run {waits[0]}, then this again"
        )

    def policies(self, workload: Workload) -> list[str]:
        """Those that a login of the workload gets now."""
        return names.token_policies(workload, generations.current(workload, self.vault.incidents()))

    def before(self) -> Former:
        """What was declared while what is out may have been made. Raises NotProven where that cannot be read."""
        found = former.read(self.vault)
        if found.unread:
            raise NotProven(f"what was declared before is not known: {'; '.join(found.unread)}")
        return found

    def denied_at(self) -> int:
        """Epoch seconds: what is no younger may have leaked, in this incident or another that names it."""
        return replacements.denied_at(self.credential.item, self.vault.incidents(), self.estate)

    def made(self) -> frozenset[str]:
        """References of what a rotation, of this incident or another, made since then."""
        return replacements.made(self.credential.item, self.vault.incidents(), self.estate)

    def keep_made(self, handle: str, at: int) -> None:
        """On record. `at`: epoch seconds by the server's clock, from before it was made."""
        made = Made(self.credential.item, replacements.reference(handle), at)
        self.vault.update_incident(self.incident_id, lambda incident: incident.with_made(made))

    def made_of(self, handle: str) -> Made | None:
        """What is on record of it, where it is one of those."""
        found = replacements.on_record(self.credential.item, self.vault.incidents(), self.estate)
        return next((m for m in found if m.reference == replacements.reference(handle)), None)

    def keep_of(self, handle: str, change: Callable[[Made], Made]) -> None:
        """On the record of each incident that has it as made."""
        ours = (self.credential.item, replacements.reference(handle))
        for one in self.vault.incidents():
            if ours in ((m.item, m.reference) for m in one.made):
                self.vault.update_incident(one.id, lambda incident: incident.with_made_changed(*ours, change))

    def revoked_before(self) -> int:
        """Epoch seconds: no token from before is left, in any incident that names it; 0 until that was seen."""
        return replacements.revoked_before(self.credential.item, self.vault.incidents(), self.estate)

    def cut(self) -> int:
        """Epoch seconds: what was made earlier is old. Everything is, until the lock-down has revoked it."""
        return self.incident().revoked_before or self.vault.now() + 1


@dataclass(frozen=True, slots=True)
class Step:
    """`observe`: whether it holds already. `act`: bring it about. `verify`: the words of what was seen, or NotProven.
    `proves`: the kind of proof that `verify` gives."""

    name: str
    verify: Callable[[], str]
    observe: Callable[[], bool] = lambda: False
    act: Callable[[], None] = lambda: None
    proves: str = ""


def find(incidents: tuple[Incident, ...], incident_id: str) -> Incident:
    for incident in incidents:
        if incident.id == incident_id:
            return incident
    known = ", ".join(i.id for i in incidents) or "none"
    raise InputError(f"no incident {incident_id}; on record: {known}")


def perform(step: Step, pauses: tuple[float, ...] = _PAUSES) -> Result:
    """Observe, act, verify; again from the start when that fails. Raises nothing: what went wrong is the result, since
    an exception would be stored with whatever it carries."""
    message, away = "", False
    for pause in pauses:
        try:
            already = step.observe()
            if not already:
                step.act()
            return Result(step.name, Outcome.ALREADY if already else Outcome.DONE, step.verify())
        except (Waiting, InputError) as error:
            outcome = Outcome.WAITING if isinstance(error, Waiting) else Outcome.FAILED
            return Result(step.name, outcome, str(error))
        except PortcullisError as error:
            message, away = str(error), isinstance(error, Unreachable)
        except Exception as error:  # noqa: BLE001 - a defect of ours ends this credential, not the others
            frame = traceback.extract_tb(error.__traceback__)[-1]
            message, away = f"{type(error).__name__} at {Path(frame.filename).name}:{frame.lineno}", False
            break
        time.sleep(pause)
    return Result(step.name, Outcome.FAILED, message, away)
