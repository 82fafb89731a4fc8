from __future__ import annotations

from datetime import UTC, datetime

import pytest

from access.policy import parse
from containment.effects.foreign import reached

PATH = "secret/data/partners/api"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("path", "capabilities", "reaches"),
    [
        ("secret/data/partners/*", '"read"', True),
        ("secret/data/+/api", '"update"', True),
        ("*", '"sudo"', True),
        ("secret/data/{{identity.entity.name}}/api", '"read"', True),
        ("secret/{{identity.entity.metadata.where}}*", '"read"', True),
        ("secret/data/{{identity.entity.name}}/other", '"read"', False),
        ("secret/data/{{identity.entity.name}}/api", '"deny"', False),
        ("secret/data/partners/api", '"deny"', False),
        ("secret/data/partners", '"read"', False),
        ("secret/data/elsewhere/*", '"read"', False),
    ],
)
def test_what_a_rule_reaches(path: str, capabilities: str, reaches: bool) -> None:
    policy = parse(f'path "{path}" {{ capabilities = [{capabilities}] }}', "legacy")
    assert bool(reached(policy, [PATH], NOW)) is reaches


def test_what_has_expired_reaches_nothing() -> None:
    text = f'path "{PATH}" {{ capabilities = ["read"] expiration = "2025-01-01T00:00:00Z" }}'
    text = text.replace('"] exp', '"]\nexp').replace("{ cap", "{\ncap").replace('Z" }', 'Z"\n}')
    assert reached(parse(text, "legacy"), [PATH], NOW) == []
