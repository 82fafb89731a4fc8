"""What the administrator's part lacks, told in peace: the rotator and a lock-down need it on the bad day only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress

from containment.adapters.vault import HvacVault
from containment.compiled import operators
from containment.systems import from_environment
from policies.errors import PortcullisError, Unreachable
from policies.model import Estate

_NEEDED_LATER = (operators.ROTATOR, operators.CONTAINMENT)
"""The operator's own shows at once; the others' are the same whatever is declared."""


def tell(vault: HvacVault, estate: Estate, warn: Callable[[str], None]) -> None:
    """What cannot be read is left to drift, which compares all of each policy."""
    wanted = operators.keepers(estate)
    for name in _NEEDED_LATER:
        with suppress(Unreachable):
            if words := lacking(name, wanted[name], vault.read_policy(name) or ""):
                warn(words)
    systems = from_environment(vault, estate)
    for connection in estate.connections:
        with suppress(PortcullisError):
            if words := systems.database(connection.name).lacks():
                warn(f"connection {connection.name}: {words}")


def lacking(name: str, wanted: Mapping[str, object], held: str) -> str:
    """In words, or "". By path alone: an administrator may have written it otherwise than the code does."""
    left = sorted(path for path in wanted if f'"{path}"' not in held)
    if not left:
        return ""
    more = f" and {len(left) - 1} more" if len(left) > 1 else ""
    return (
        f"policy {name} on the vault has no rule for {left[0]}{more}, which a rotation or lock-down of what is "
        "declared needs: the administrator's part again (README); `portcullis drift` names the policy until then"
    )
