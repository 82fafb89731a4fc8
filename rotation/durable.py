"""The durable part: one DBOS workflow a credential, one DBOS step a step. Only names go in and only results come out,
for DBOS stores both in plain. Imported when a rotation runs, since it is heavy to import.

A workflow's id is `<incident>@<denied>/<item>/<attempt>`. A killed one is resumed under its id when the next process
launches; one that ended is followed by the next attempt, whose steps find most of it done. One from before the last
deny of any incident is not gone on with: what its steps saw may have leaked again since.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any

from dbos import DBOS, DBOSConfig, SetWorkflowID
from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError

from policies.errors import Unreachable
from rotation.plan import Credential
from rotation.work import Outcome, Result

Perform = Callable[[str, str], Result]
"""Carry out one step: the item, the step's name."""

_perform: Perform | None = None


@DBOS.workflow(name="rotate")
def _rotate(item: str, steps: list[str]) -> list[dict[str, str]]:
    results: list[dict[str, str]] = []
    for step in steps:
        results.append(DBOS.run_step({"name": step}, _one, item, step))
        if not Result.from_json(results[-1]).holds:
            break
    return results


def _one(item: str, step: str) -> dict[str, str]:
    if _perform is None:
        raise RuntimeError("no rotation is launched")
    return _perform(item, step).to_json()


class Durable:
    """The engine for one incident, launched within `with`. The caller holds the incident (`rotation.hold`). `denied`:
    when the last deny of any incident was, epoch seconds."""

    def __init__(self, url: str, incident_id: str, denied: int, perform: Perform) -> None:
        self._run, self._url, self._perform = f"{incident_id}@{denied}", url, perform

    def __enter__(self) -> Durable:
        global _perform
        _perform = self._perform
        config: DBOSConfig = {
            "name": "portcullis",
            "system_database_url": self._url,
            # Launching resumes what is pending under this name: this incident's workflows and no others.
            "executor_id": f"rotation-{self._run}",
            "application_version": "rotation-1",
            "log_level": "CRITICAL",
            "enable_otlp": False,
        }
        try:
            DBOS(config=config)
            DBOS.launch()
        except SQLAlchemyError as error:
            raise self._unusable(error) from error
        return self

    def _unusable(self, error: SQLAlchemyError) -> Unreachable:
        return Unreachable(
            f"rotation's database {make_url(self._url)!r} cannot be used ({type(error).__name__}): make room where its "
            "disk is full, else move it aside and run the same command again: each step looks before it acts"
        )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        DBOS.destroy(workflow_completion_timeout_sec=0)

    def rotate(self, wave: tuple[Credential, ...], since: float) -> dict[str, list[Result]]:
        """Every credential of a wave side by side. What ended after `since` (epoch seconds) is not run again."""
        handles = {}
        try:
            for credential in wave:
                with SetWorkflowID(self._workflow_id(credential.item, since)):
                    handles[credential.item] = DBOS.start_workflow(_rotate, credential.item, list(credential.steps))
        except SQLAlchemyError as error:
            raise self._unusable(error) from error
        return {item: self._outcome(handle) for item, handle in handles.items()}

    def _workflow_id(self, item: str, since: float) -> str:
        prefix = f"{self._run}/{item}/"
        # The store compares a prefix without regard to case, and INC-7 and inc-7 are two incidents.
        past = [w for w in DBOS.list_workflows(workflow_id_prefix=prefix) if w.workflow_id.startswith(prefix)]
        if not past:
            return f"{prefix}1"
        last = max(past, key=lambda w: int(w.workflow_id.removeprefix(prefix)))
        ended = last.status in ("SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")
        if not ended or (last.status == "SUCCESS" and (last.updated_at or 0) / 1000 >= since):
            return str(last.workflow_id)
        return f"{prefix}{int(last.workflow_id.removeprefix(prefix)) + 1}"

    def _outcome(self, handle: Any) -> list[Result]:
        try:
            return [Result.from_json(r) for r in handle.get_result()]
        except Exception as error:  # noqa: BLE001 - a workflow that broke ends its own credential only
            return [Result("workflow", Outcome.FAILED, f"{handle.workflow_id}: {type(error).__name__}")]
