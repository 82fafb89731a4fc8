"""The record of each incident, in the product's own store."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from containment import names
from containment.adapters.client import HvacClient
from containment.errors import RecordsLost
from containment.incidents.decide import LOCK
from containment.incidents.incident import Incident
from policies.errors import Unreachable


class Records(HvacClient):
    def incidents(self) -> tuple[Incident, ...]:
        """Raises RecordsLost where one that is listed cannot be read."""
        found: list[Incident] = []
        lost: dict[str, str] = {}
        for name in self.keys(f"{names.STORE}/metadata/incidents"):
            if name.endswith("/"):  # a folder; no id has a slash
                continue
            stored = self._stored(_record(name))
            incident = _read(name, stored)
            if incident is None:
                lost[name] = _remedy(name, stored)
            else:
                found.append(incident)
        known = tuple(sorted(found, key=lambda i: (i.opened_at, i.id)))
        if lost:
            raise RecordsLost(lost, known)
        return known

    def restore_incident(self, incident_id: str) -> bool:
        """Whether its record can be read again: the version that was the last, undeleted, or else the newest before it
        that is one, written anew."""
        path = _record(incident_id)
        stored = self._stored(path)
        if stored is None:
            return False
        newest = stored["metadata"]["version"]
        self.write(f"{names.STORE}/undelete/incidents/{incident_id}", {"versions": [newest]})
        if _read(incident_id, self._stored(path)) is not None:
            return True
        before = (_read(incident_id, self._stored(f"{path}?version={n}")) for n in range(newest - 1, 0, -1))
        held = next((incident for incident in before if incident), None)
        return held is not None and self._put(path, held.to_json(), newest) is not None

    def write_incident(self, incident: Incident) -> Incident:
        """Put a new incident on record, or one whose record is lost. Returns what is there: `incident` itself, or
        another's of that id, who came first and whose record stays as it is."""
        path = _record(incident.id)
        if self._put(path, incident.to_json(), 0) is not None:
            return incident
        stored = self._stored(path)
        held = _read(incident.id, stored)
        if held is not None:
            return held
        if stored is None or self._put(path, incident.to_json(), stored["metadata"]["version"]) is None:
            raise Unreachable(f"vault: write {path}: the record could not be made")
        return incident

    def update_incident(self, incident_id: str, change: Callable[[Incident], Incident]) -> Incident:
        """Read, change, write if nobody wrote meanwhile, else again: containment and rotation write beside each other.
        `change` may be called more than once. Raises Unreachable when the incident is not on record, or what is there
        is to vanish by itself, and RecordsLost when it has.
        """
        path = _record(incident_id)
        for _ in range(50):
            stored = self._stored(path)
            if stored is None:
                raise Unreachable(f"vault: incident {incident_id} is not on record")
            before = _read(incident_id, stored)
            if before is None:
                raise RecordsLost({incident_id: _remedy(incident_id, stored)}, ())
            after = change(before)
            if after == before and not stored["metadata"]["deletion_time"]:
                return after
            written = self._put(path, after.to_json(), stored["metadata"]["version"])
            if written is not None and written.get("deletion_time"):
                raise Unreachable(
                    f"vault: the record of incident {incident_id} is set to vanish at {written['deletion_time']}, and "
                    f"with it what is known to be locked: bao kv metadata put -mount={names.STORE} "
                    f"-delete-version-after=0s incidents/{incident_id}, and bao write {names.STORE}/config "
                    "delete_version_after=0s where all of the store is set so; then the same command again"
                )
            if written is not None:
                return after
        raise Unreachable(f"vault: incident {incident_id}: others write it all the time")


def _record(incident_id: str) -> str:
    return f"{names.STORE}/data/incidents/{incident_id}"


def _read(incident_id: str, stored: Mapping[str, Any] | None) -> Incident | None:
    """None for whatever is no record of that incident."""
    try:
        found = Incident.from_json((stored or {}).get("data"))
    except ValueError:
        return None
    return found if found.id == incident_id else None


def _remedy(incident_id: str, stored: Mapping[str, Any] | None) -> str:
    again = f"lock down again by its id: {LOCK} --config incidentId={incident_id} --config incidentScope=WHAT-LEAKED"
    where = f"-mount={names.STORE}"
    if stored is None:
        never = f"where nobody ever opened it, bao kv metadata delete {where} incidents/{incident_id}"
        return f"has no record: {again}; {never}"
    version = stored["metadata"]["version"]
    if stored["data"] is None and stored["metadata"].get("destroyed"):
        return f"its record is destroyed: {again}"
    if stored["data"] is None:
        back = f"bao kv undelete {where} -versions={version} incidents/{incident_id}"
        return f"its record is deleted: {back}, or {again}"
    back = f"bao kv rollback {where} -version=AN-EARLIER-ONE incidents/{incident_id}"
    return f"its record is none: {back}, or {again}"
