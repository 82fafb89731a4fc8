"""Who is woken: one PagerDuty alert an incident, SEV-1 and tagged `secret-leak`, from open to lifted.

It never delays or fails a lock-down: everything is sent by a thread of its own, after the deny. What was sent stands in
the incident's events, so that whatever could not be sent is sent by the next run, and nothing twice. Where the disk
takes no event it is sent all the same, and again by the next run, which PagerDuty takes for the alert that it has.
Whoever can write the folder could say there that all was sent: a run that opens the incident does not ask it, and a
later one tells what it does not send for that reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from containment.folder import record
from containment.incidents import lost
from containment.incidents.incident import EVERYTHING, Incident, State
from containment.ports import Pager, Vault
from containment.run import Progress
from policies.errors import PortcullisError

PAGED = "paged"
OPENED, CONTAINED, NOT_CONTAINED, LIFTED = "opened", "contained", "not contained", "lifted"
_NAMES = 20
_SENDER = ThreadPoolExecutor(1, "paging")
"""One thread, so that an alert is never resolved before it was opened."""
_sent: dict[str, list[Page]] = {}
"""By incident id, by this process. The sender's alone."""
_opened: set[str] = set()
"""Incidents that this process opened, or could not see whether anybody did: their folder vouches for nothing."""


@dataclass(frozen=True, slots=True)
class Page:
    stage: str
    detail: str


def due(incident: Incident, not_contained: Iterable[str] | None, sent: Iterable[Page]) -> list[Page]:
    """Pages that are yet to be sent. `not_contained`: what this run could not contain, None when it did not try. Pure.

    A lifted incident is only ever resolved: a trigger would open it again.
    """
    names = None if not_contained is None else tuple(not_contained)
    if incident.state is State.LIFTED:
        wanted = [Page(LIFTED, "")]
    else:
        wanted = [Page(OPENED, incident.scope.words)]
        if names:
            wanted.append(Page(NOT_CONTAINED, "; ".join(names[:_NAMES])))
        elif names is not None:
            wanted.append(Page(CONTAINED, ""))
    done = list(sent)
    left = [page for page in wanted if page not in done]
    # "contained" again after "not contained" is news, though it was said before.
    if wanted[-1] in done and done[-1] != wanted[-1] and wanted[-1].stage in (CONTAINED, NOT_CONTAINED):
        left.append(wanted[-1])
    return left


def anew(incident_id: str) -> None:
    """This process opens the incident: whatever its folder says to have been sent, no run of it has."""
    _opened.add(incident_id)


def begin(incident: Incident, progress: Progress) -> None:
    """As soon as it is denied, without waiting."""
    _SENDER.submit(_send, incident, None, progress)


def report(vault: Vault, not_contained: Mapping[str, Iterable[str]], progress: Progress) -> None:
    """What happened since, for every incident that this machine has events of or this run worked on. `not_contained` by
    incident id.

    `progress` gets a line for what could not be sent; nothing is raised.
    """
    try:
        incidents = lost.tightening(vault)
    except PortcullisError as error:
        progress(f"not paged, the next run tries again: {error}")
        return
    tell([i for i in incidents if i.id in not_contained or _events(i) != []], not_contained, progress)


def tell(incidents: Iterable[Incident], not_contained: Mapping[str, Iterable[str]], progress: Progress) -> None:
    """The same of `incidents`, as they are known here."""
    for future in [_SENDER.submit(_send, i, not_contained.get(i.id), progress) for i in incidents]:
        future.result()


def _send(incident: Incident, not_contained: Iterable[str] | None, progress: Progress) -> None:
    try:
        ours = _sent.get(incident.id, [])
        noted = [] if incident.id in _opened else [p for p in _pages(_events(incident)) if p not in ours]
        pages = due(incident, not_contained, [*noted, *ours])
        kept = [] if not_contained is None else [p for p in due(incident, not_contained, ours) if p not in pages]
        pager = _pager() if pages or kept else None
        if pager is None:
            if pages:
                progress(f"nobody is paged for incident {incident.id}: PAGERDUTY_ROUTING_KEY_FILE is not set")
            return
        if kept:
            stages = ", ".join(page.stage for page in kept)
            progress(
                f"incident {incident.id}: not sent to the pager again, since its folder says that it was: {stages}"
            )
        for page in pages:
            _one(pager, incident, page, progress)
    except Exception as error:  # noqa: BLE001 - no setting of the pager's keeps a lock-down from its verdict
        why = error if isinstance(error, PortcullisError) else type(error).__name__
        progress(f"not paged for incident {incident.id}, the next run tries again: {why}")


def _events(incident: Incident) -> list[dict[str, Any]] | None:
    """None when they cannot be read: then it is paged once more, which PagerDuty takes for the alert that it has."""
    try:
        return record.events(incident.id)
    except PortcullisError:
        return None


def _pages(events: list[dict[str, Any]] | None) -> list[Page]:
    done = (e for e in events or () if e["what"] == PAGED and e["outcome"] == "done")
    return [Page(e["target"], e["detail"]) for e in done]


def _pager() -> Pager | None:
    from containment.adapters.pagerduty import PagerDuty

    return PagerDuty.from_environment()


def _one(pager: Pager, incident: Incident, page: Page, progress: Progress) -> None:
    try:
        if page.stage == LIFTED:
            pager.resolve(incident.id)
        else:
            at = incident.opened_at if page.stage == OPENED else incident.contained_at
            pager.trigger(
                incident.id, _summary(incident, page), float(at or incident.opened_at), _details(incident, page)
            )
    except PortcullisError as error:
        with suppress(PortcullisError):  # what could not be sent is the news, and the next run sends it in any case
            _note(incident, page, "failed", str(error))
        raise
    _sent.setdefault(incident.id, []).append(page)
    try:
        _note(incident, page, "done", page.detail)
    except PortcullisError as error:
        progress(f"paged for incident {incident.id}: {page.stage}; not noted, so the next run pages again: {error}")


def _note(incident: Incident, page: Page, outcome: str, detail: str) -> None:
    phase = "lift" if page.stage == LIFTED else "detection" if page.stage == OPENED else "containment"
    record.note(incident.id, phase=phase, what=PAGED, target=page.stage, outcome=outcome, detail=detail)


def _summary(incident: Incident, page: Page) -> str:
    return f"SEV-1 secret leak {incident.id} {page.stage}" + (f": {page.detail}" if page.detail else "")


def _details(incident: Incident, page: Page) -> dict[str, Any]:
    return {
        "incident": incident.id,
        "priority": "SEV-1",
        "tags": ["secret-leak"],
        "stage": page.stage,
        "scope": [EVERYTHING, *incident.scope.leaked] if incident.scope.everything else list(incident.scope.leaked),
        "not_contained": page.detail if page.stage == NOT_CONTAINED else "",
    }
