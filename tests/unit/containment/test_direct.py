"""What `portcullis contain` refuses before it looks any further."""

from __future__ import annotations

from typing import Any

import pytest

from containment.direct import contain
from containment.incidents.incident import Incident, Scope, State
from policies.errors import InputError


class Server:
    """Knows a lifted incident; whatever else is asked of it fails the test."""

    def capabilities(self, paths: list[str]) -> dict[str, set[str]]:
        return {path: {"read", "update", "list"} for path in paths}

    def incidents(self) -> tuple[Incident, ...]:
        return (Incident("INC-7", Scope(everything=True), State.LIFTED, opened_at=1, lifted_at=2),)


def test_the_id_of_a_lifted_incident_is_not_taken_for_everything() -> None:
    server: Any = Server()
    with pytest.raises(InputError, match="INC-7 is lifted"):
        contain(server, "INC-7", "exchange-trading-key", print)
