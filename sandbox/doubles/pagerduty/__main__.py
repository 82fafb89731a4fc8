"""`python -m sandbox.doubles.pagerduty --state FILE --violations FILE --port P`: TLS by `--cert` and `--key`."""

from __future__ import annotations

import argparse
import json
import secrets
import time
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from sandbox.doubles.pagerduty import shapes
from sandbox.process import write_private


class PagerDuty:
    """`{"routing_keys": [...], "alerts": {dedup_key: {status, summary, severity, class, log: [...]}}}`"""

    def __init__(self, state: Path, violations: Path) -> None:
        self._state, self._violations = state, violations
        self.data: dict[str, Any] = json.loads(state.read_text())

    def violation(self, what: str, problems: list[str]) -> None:
        with self._violations.open("a") as out:
            out.write(json.dumps({"at": time.time(), "what": what, "problems": problems}) + "\n")

    def answer(self, status: int, body: dict[str, Any]) -> JSONResponse:
        """Our own answers are held to the description too."""
        problems = shapes.wrong(shapes.ACCEPTED if status == 202 else shapes.REFUSED, body)
        if problems:
            self.violation(f"answer {status}", problems)
        return JSONResponse(body, status)

    def refuse(self, *errors: str) -> JSONResponse:
        body = {"status": "invalid event", "message": "Event object is invalid", "errors": list(errors)}
        return self.answer(400, body)

    async def enqueue(self, request: Request) -> JSONResponse:
        raw = await request.body()
        try:
            event = json.loads(raw)
        except ValueError:
            event = None
        problems = shapes.wrong(shapes.EVENT, event)
        if len(raw) > shapes.MAX_BYTES:
            problems.append("the event is larger than 512 KiB")
        if problems:
            self.violation("POST /v2/enqueue", problems)
            return self.refuse(*problems)
        if event["routing_key"] not in self.data["routing_keys"]:
            return self.refuse("Invalid routing key")
        key = event.get("dedup_key") or secrets.token_hex(16)
        self._apply(key, event)
        write_private(self._state, json.dumps(self.data))
        return self.answer(202, {"status": "success", "message": "Event processed", "dedup_key": key})

    def _apply(self, key: str, event: dict[str, Any]) -> None:
        """A trigger opens an alert or adds to the open one; the others change an open one and ignore any else."""
        alerts, action = self.data["alerts"], event["event_action"]
        held = alerts.get(key)
        if action == "trigger":
            if held is None or held["status"] == "resolved":
                held = alerts[key] = {"status": "triggered", **event["payload"], "log": []}
        elif held is None or held["status"] == "resolved":
            return
        else:
            held["status"] = "acknowledged" if action == "acknowledge" else "resolved"
        held["log"].append({"action": action, **event.get("payload", {})})

    async def unknown(self, request: Request) -> JSONResponse:
        self.violation(f"{request.method} {request.url.path}", ["no such route in the Events API v2"])
        return JSONResponse({"error": {"message": "Not Found", "code": 2100}}, 404)


def build(pagerduty: PagerDuty) -> Starlette:
    async def health(_: Request) -> JSONResponse:
        return JSONResponse({"status": "ok"})

    methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    return Starlette(
        routes=[
            Route("/health", health),
            Route("/v2/enqueue", pagerduty.enqueue, methods=["POST"]),
            Route("/{path:path}", pagerduty.unknown, methods=methods),
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for option in ("--state", "--violations", "--cert", "--key"):
        parser.add_argument(option, type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    uvicorn.run(
        build(PagerDuty(options.state, options.violations)),
        host="127.0.0.1",
        port=options.port,
        log_level="error",
        timeout_graceful_shutdown=1,  # a client that keeps its connection open is not waited for
        ssl_certfile=str(options.cert),
        ssl_keyfile=str(options.key),
    )


if __name__ == "__main__":
    main()
