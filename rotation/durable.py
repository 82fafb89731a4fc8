"""The durable part: one DBOS workflow a credential, one DBOS step a step. Only names go in and only results come out,
for DBOS stores both in plain. Imported when a rotation runs, since it is heavy to import.

A workflow's id is `<incident>@<denied>/<item>/<attempt>`. A killed one is resumed under its id when the next process
launches; one that ended is followed by the next attempt, whose steps find most of it done. One from before the last
deny of any incident is not gone on with: what its steps saw may have leaked again since.

Whether one had ended before a run began is told by its id, never by a time: the store's clock may be another than ours.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from types import TracebackType
from typing import Any

from dbos import DBOS, DBOSConfig, SetWorkflowID
from sqlalchemy import column, create_engine, inspect, make_url, select, table
from sqlalchemy.exc import SQLAlchemyError

from policies.errors import Unreachable
from rotation import hold
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


def succeeded(url: str, incident_id: str) -> frozenset[str]:
    """Ids of the incident's workflows that have come to their end by now. Before DBOS is launched, which resumes what
    is pending and brings an older store up to date: so it is asked for the two columns that there have always been.
    Raises Unreachable."""
    embedded = url.startswith(hold.SQLITE)
    status = table("workflow_status", column("workflow_uuid"), column("status"), schema=None if embedded else "dbos")

    def ids(session: Any) -> frozenset[str]:
        if not inspect(session).has_table(status.name, status.schema):
            return frozenset()
        found = session.scalars(select(status.c.workflow_uuid).where(status.c.status == "SUCCESS"))
        return frozenset(name for name in found if name.startswith(f"{incident_id}@"))

    if not embedded:
        with hold.connected(url) as session:
            return ids(session)
    if not os.access(url.removeprefix(hold.SQLITE), os.R_OK):  # whoever holds it next makes it, or says why not
        return frozenset()
    engine = create_engine(url)
    try:
        with engine.connect() as session:
            return ids(session)
    except SQLAlchemyError as error:
        raise _unusable(url, error) from error
    finally:
        engine.dispose()


def _unusable(url: str, error: SQLAlchemyError) -> Unreachable:
    return Unreachable(
        f"rotation's database {make_url(url)!r} cannot be used ({type(error).__name__}): make room where its "
        "disk is full, else move it aside and run the same command again: each step looks before it acts"
    )


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
            raise _unusable(self._url, error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        DBOS.destroy(workflow_completion_timeout_sec=0)

    def rotate(self, wave: tuple[Credential, ...], before: frozenset[str]) -> dict[str, list[Result]]:
        """Every credential of a wave side by side. What has succeeded and is not of those `before` this run is not run
        again."""
        handles = {}
        try:
            for credential in wave:
                with SetWorkflowID(self._workflow_id(credential.item, before)):
                    handles[credential.item] = DBOS.start_workflow(_rotate, credential.item, list(credential.steps))
        except SQLAlchemyError as error:
            raise _unusable(self._url, error) from error
        return {item: self._outcome(handle) for item, handle in handles.items()}

    def _workflow_id(self, item: str, before: frozenset[str]) -> str:
        prefix = f"{self._run}/{item}/"
        # The store compares a prefix without regard to case, and INC-7 and inc-7 are two incidents.
        past = [w for w in DBOS.list_workflows(workflow_id_prefix=prefix) if w.workflow_id.startswith(prefix)]
        if not past:
            return f"{prefix}1"
        last = max(past, key=lambda w: int(w.workflow_id.removeprefix(prefix)))
        ended = last.status in ("SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")
        if not ended or (last.status == "SUCCESS" and last.workflow_id not in before):
            return str(last.workflow_id)
        return f"{prefix}{int(last.workflow_id.removeprefix(prefix)) + 1}"

    def _outcome(self, handle: Any) -> list[Result]:
        try:
            return [Result.from_json(r) for r in handle.get_result()]
        except Exception as error:  # noqa: BLE001 - a workflow that broke ends its own credential only
            return [Result("workflow", Outcome.FAILED, f"{handle.workflow_id}: {type(error).__name__}")]
