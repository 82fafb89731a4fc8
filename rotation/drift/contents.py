"""What is ours on the vault by name, and by content is not what the code would write. What Pulumi writes its own
refresh compares."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeAlias

from containment import names, onboarding
from containment.incident import State
from containment.ports import Vault
from containment.run import WORKERS
from policies.model import Estate
from rotation.drift import whole

_Judge: TypeAlias = Callable[[Mapping[str, Any] | None], list[str]]
_DEFAULT = "default"


def changed(vault: Vault, estate: Estate) -> list[str]:
    """Each with what of it is wrong: parameters, or the paths of a policy's rules. Reads only."""
    judges = {**_policies(vault, estate), **_token_roles(estate)}
    with ThreadPoolExecutor(WORKERS) as pool:
        answers = pool.map(vault.read, [path for path, _ in judges.values()])
        found = zip(
            judges, (judge(held) for (_, judge), held in zip(judges.values(), answers, strict=True)), strict=True
        )
        return [f"{what} ({', '.join(wrong)})" for what, wrong in found if wrong]


def _policies(vault: Vault, estate: Estate) -> dict[str, tuple[str, _Judge]]:
    """In an incident its lock-down may be about to open the quarantine again: what denies only is its own."""
    closed = any(incident.state is State.OPEN for incident in vault.incidents())
    judges: dict[str, _Judge] = {
        name: partial(whole.policy, wanted=text, denies=closed and name == names.QUARANTINE)
        for name, text in onboarding.policies(estate).items()
    }
    judges[_DEFAULT] = whole.default
    return {f"policy {name}": (names.policy_path(name), judge) for name, judge in judges.items()}


def _token_roles(estate: Estate) -> dict[str, tuple[str, _Judge]]:
    return {
        f"token role {name}": (f"auth/token/roles/{name}", partial(whole.values, wanted=role, apart=("name",)))
        for name, role in onboarding.token_roles(estate).items()
    }
