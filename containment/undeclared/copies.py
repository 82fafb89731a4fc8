"""Whether what a rotation wrote among the Actions secrets was left alone since: whoever writes one in between has the
workflows use a value of theirs after the lift."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from containment.incidents.incident import Copy, Incident
from containment.ports import CodeHost
from policies.errors import PortcullisError

_WORKERS = 8


def touched(incident: Incident, code_host: Callable[[], CodeHost]) -> tuple[str, ...]:
    """In words, each copy that GitHub does not say it is as old as ours."""

    def seen(copy: Copy) -> str:
        name = f"{copy.repository}/{copy.name}"
        try:
            written = code_host().actions_secret_updated(copy.repository, copy.name)
        except PortcullisError as error:
            return f"Actions secret {name}: whether it was left alone was not seen: {error}"
        if written == copy.written:
            return ""
        how = "deleted" if written is None else f"written at {written}"
        again = f"portcullis rotate run {incident.id}"
        return f"Actions secret {name} was {how}, after the rotation wrote it: see who did, then {again}"

    with ThreadPoolExecutor(_WORKERS) as pool:
        return tuple(filter(None, pool.map(seen, incident.copies)))
