"""PagerDuty's Events API v2 over the `pagerduty` client. One short try each: nobody waits for a page."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from containment.adapters.certificates import trusting
from policies.errors import InputError, Unreachable
from policies.plain import one_line

_KEY_FILE = "PAGERDUTY_ROUTING_KEY_FILE"
_SECONDS = 5
_SUMMARY = 1024
_SILENT = logging.getLogger("containment.pagerduty.client")
_SILENT.addHandler(logging.NullHandler())
_SILENT.propagate = False  # what fails is raised, once and without the key


class PagerDuty:
    """Implements `containment.ports.Pager`. Raises Unreachable for every refusal and failure."""

    def __init__(self, key_file: Path, base_url: str | None, ca: str | None) -> None:
        from pagerduty import EventsApiV2Client

        try:
            if key_file.stat().st_mode & 0o077:
                raise InputError(f"{_KEY_FILE}: {key_file} is readable by others; chmod 600 it")
            key = key_file.read_text().strip()
        except OSError as error:
            raise InputError(f"{_KEY_FILE}: {key_file}: {error.strerror}") from error
        self._client: Any = EventsApiV2Client(key, base_url=base_url, verify=trusting(ca), trust_env=False)
        self._client.log = _SILENT
        self._client.timeout = _SECONDS
        self._client.max_network_attempts = 0
        self._client.retry = {429: 1}
        self._client.sleep_timer = 0.5

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> PagerDuty | None:
        """PAGERDUTY_ROUTING_KEY_FILE, and PAGERDUTY_EVENTS_URL where it is not PagerDuty's own.

        None where no file is named: then nobody is paged.
        """
        file = environ.get(_KEY_FILE)
        if not file:
            return None
        return cls(Path(file), environ.get("PAGERDUTY_EVENTS_URL") or None, environ.get("SSL_CERT_FILE"))

    def trigger(self, key: str, summary: str, at: float, details: Mapping[str, Any]) -> None:
        """Open the alert of this key, or add to it while it is open. `at`: epoch seconds."""
        payload = {
            "summary": summary[:_SUMMARY],
            "source": "portcullis",
            "severity": "critical",
            "class": "secret-leak",
            "group": "security",
            "timestamp": datetime.fromtimestamp(at, UTC).isoformat(),
            "custom_details": dict(details),
        }
        self._send("trigger", lambda: self._client.send_event("trigger", key, payload=payload, client="Portcullis"))

    def resolve(self, key: str) -> None:
        self._send("resolve", lambda: self._client.resolve(key))

    def _send(self, what: str, call: Callable[[], Any]) -> None:
        from pagerduty import Error, HttpError

        try:
            call()
        except HttpError as error:
            answer = error.response
            said = "" if answer is None else f"{answer.status_code} {one_line(answer.text)[:200]}"
            raise Unreachable(f"pagerduty: {what}: {said}") from error
        except Error as error:
            raise Unreachable(f"pagerduty: {what}: {type(error.__cause__ or error).__name__}") from error
