"""Whether the server has parameters as they are wanted: pure."""

from __future__ import annotations

from collections.abc import Mapping


def wrong(held: Mapping[str, object], wanted: Mapping[str, object]) -> list[str]:
    """Parameters that a role has otherwise than wanted."""
    return [key for key, value in wanted.items() if not _same(held.get(key), value)]


def _same(held: object, wanted: object) -> bool:
    """Equal, or equal claims: the Terraform provider writes each as a list, split at commas."""
    if isinstance(held, dict) and isinstance(wanted, dict):
        return {k: _values(v) for k, v in held.items()} == {k: _values(v) for k, v in wanted.items()}
    if isinstance(held, list) and isinstance(wanted, list):
        return sorted(held) == sorted(wanted)
    return held == wanted


def _values(claim: object) -> list[str]:
    return sorted(str(v) for v in claim) if isinstance(claim, list) else sorted(str(claim).split(","))
