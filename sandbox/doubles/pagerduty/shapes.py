"""What PagerDuty's description of the Events API v2 allows, closed: a misspelt or invented field is a violation.

Sources: PagerDuty's developer documentation, "Events API v2" and "Send an alert event"; limits of 1,024 characters for
a summary, 255 for a deduplication key and 512 KiB for an event; a routing key has 32 characters.
"""

from __future__ import annotations

from typing import Any

from jsonschema import Draft202012Validator

MAX_BYTES = 512 * 1024


def _closed(required: tuple[str, ...], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "required": list(required), "properties": properties}


_TEXT = {"type": "string"}
_KEY = {"type": "string", "minLength": 1, "maxLength": 255}
_WEB = {"type": "string", "pattern": "^https?://"}
_PAYLOAD = _closed(
    ("summary", "source", "severity"),
    summary={"type": "string", "minLength": 1, "maxLength": 1024},
    source={"type": "string", "minLength": 1},
    severity={"enum": ["critical", "error", "warning", "info"]},
    timestamp={"type": "string", "format": "date-time"},
    component=_TEXT,
    group=_TEXT,
    **{"class": _TEXT},
    custom_details={"type": "object"},
)
_LINKS = {"type": "array", "items": _closed(("href",), href=_WEB, text=_TEXT)}
_IMAGES = {
    "type": "array",
    "items": _closed(("src",), src={"type": "string", "pattern": "^https://"}, href=_WEB, alt=_TEXT),
}
_ROUTING = {"type": "string", "minLength": 32, "maxLength": 32}
EVENT = {
    "oneOf": [
        _closed(
            ("routing_key", "event_action", "payload"),
            routing_key=_ROUTING,
            event_action={"const": "trigger"},
            dedup_key=_KEY,
            payload=_PAYLOAD,
            client=_TEXT,
            client_url=_WEB,
            links=_LINKS,
            images=_IMAGES,
        ),
        _closed(
            ("routing_key", "event_action", "dedup_key"),
            routing_key=_ROUTING,
            event_action={"enum": ["acknowledge", "resolve"]},
            dedup_key=_KEY,
        ),
    ]
}
ACCEPTED = _closed(("status", "message", "dedup_key"), status={"const": "success"}, message=_TEXT, dedup_key=_KEY)
REFUSED = _closed(
    ("status", "message", "errors"),
    status=_TEXT,
    message=_TEXT,
    errors={"type": "array", "items": _TEXT, "minItems": 1},
)


def wrong(schema: dict[str, Any], body: object) -> list[str]:
    """What is wrong with a body; empty when it holds."""
    checker = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    found = [deep for error in checker.iter_errors(body) for deep in (error.context or [error])]
    return [f"{'/'.join(map(str, error.absolute_path)) or 'event'}: {error.message[:200]}" for error in found]
