"""One run of the lock-down: the systems it works on, and the effects it has had so far."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from containment.incident import Incident
from containment.ports import CodeHost, Database, Upstream, Vault
from containment.report import Effect, Outcome
from containment.scope import Affected
from policies.errors import PortcullisError
from policies.model import Estate

WORKERS = 16

Progress = Callable[[str], None]
Seen = tuple[Outcome, str]
"""What an effect saw after it acted: the outcome and the words for it."""
Act = Callable[[], Seen]


@dataclass(frozen=True, slots=True)
class Systems:
    """Openers rather than connections: a system that is down fails its own effects and no others."""

    vault: Vault
    database: Callable[[str], Database]
    """By connection name."""
    upstream: Callable[[str], Upstream]
    """By upstream name."""
    code_host: Callable[[], CodeHost]


@dataclass
class Run:
    """`incident` is the one this run works on; `incidents` are all that the servers know, the lifted ones too."""

    systems: Systems
    estate: Estate
    incidents: tuple[Incident, ...]
    incident: Incident
    progress: Progress
    affected: Affected
    effects: list[Effect] = field(default_factory=list)

    @property
    def revoked_before(self) -> int:
        """Epoch seconds: what is older is gone, for every open incident; 0 while one is not contained."""
        times = [i.revoked_before for i in self.affected.open]
        return max(times) if times and all(times) else 0

    @property
    def clean(self) -> bool:
        return not any(e.outcome is Outcome.FAILED for e in self.effects)

    def effect(self, what: str, target: str, act: Act) -> bool:
        """Run one effect; whatever it raises of ours becomes a named failure and the rest goes on."""
        try:
            outcome, detail = act()
        except PortcullisError as error:
            outcome, detail = Outcome.FAILED, str(error)
        self.effects.append(Effect(what, target, outcome, detail, time.time()))
        if outcome is not Outcome.ALREADY:
            self.progress(f"{outcome}: {what} {target}: {detail}")
        return outcome is not Outcome.FAILED

    def each(self, what: str, items: Iterable[tuple[str, Act]]) -> None:
        with ThreadPoolExecutor(WORKERS) as pool:
            for future in [pool.submit(self.effect, what, target, act) for target, act in items]:
                future.result()

    def on_host(self, act: Callable[[CodeHost], Seen]) -> Act:
        """The host is opened within the effect, so that one that is down or not configured fails it by name."""
        return lambda: act(self.systems.code_host())

    def fail(self, what: str, target: str, error: PortcullisError) -> None:
        """A failure that kept the effect from being tried at all."""
        message = str(error)
        self.effect(what, target, lambda: (Outcome.FAILED, message))
