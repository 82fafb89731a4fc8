"""A server that is up, while whatever needs its storage waits behind the requests of others. OpenBao takes 64
transactions at a time; a request for a database user holds one until the database has made the user, and each read or
write of a KV secret, the product's own records too, waits for one without end. Policies and tokens need none."""

from __future__ import annotations

from typing import Any

from policies.errors import Congested, Unanswered

_PATIENCE = 5.0
_STANDBY_TOO = {"standbyok": "true", "performancestandbycode": "200"}


def timed_out(client: Any, message: str) -> Unanswered:
    """For a request to a KV store that nobody answered: with the remedy, where the server says that it is well.
    `client`: hvac's."""
    import requests

    try:
        health = f"{client.url}/v1/sys/health"
        well = client.adapter.session.get(health, params=_STANDBY_TOO, timeout=_PATIENCE).ok
    except requests.RequestException:
        well = False
    if not well:
        return Unanswered(message)
    return Congested(
        f"{message}; it is up, and what needs its storage waits behind the requests of others, as of a leaked token "
        "that asks for database users all the time. Have an administrator, or break-glass, limit each database mount: "
        "bao write sys/quotas/rate-limit/incident path='MOUNT/creds/*' rate=1; what waits already ends within some "
        "minutes (docs/incident_playbooks.md)"
    )
