"""One run of the lock-down: the systems it works on, and the effects it has had so far."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from containment.former import Former
from containment.incidents.incident import Incident
from containment.incidents.scope import Affected
from containment.ports import CodeHost, Database, Prober, Upstream, Vault
from containment.report import Effect, Outcome, named, unresolved
from policies.errors import PortcullisError, TimedOut, Unreachable
from policies.model import Estate
from policies.plain import plain

WORKERS = 16
_BY_NAME = 40
"""More effects of one kind than this are counted on the screen, not named; the report names each."""
_TELL = 2.0
"""Seconds between two words about a long one."""

Progress = Callable[[str], None]
Seen = tuple[Outcome, str]
"""What an effect saw after it acted: the outcome and the words for it."""
Act = Callable[[], Seen]
Note = Callable[[Sequence[Effect]], None]
"""Puts effects down while the run goes on: one that is killed has acted all the same."""


def no_note(effects: Sequence[Effect]) -> None:
    """For a run whose caller writes down what it did, or that is no incident's."""


@dataclass(frozen=True, slots=True)
class Systems:
    """Openers rather than connections: a system that is down fails its own effects and no others."""

    vault: Vault
    database: Callable[[str], Database]
    """By connection name."""
    upstream: Callable[[str], Upstream]
    """By upstream name."""
    code_host: Callable[[], CodeHost]
    prober: Callable[[], Prober]


@dataclass
class Run:
    """`incident` is the one this run works on; `incidents` are all that the servers know, the lifted ones too."""

    systems: Systems
    estate: Estate
    incidents: tuple[Incident, ...]
    incident: Incident
    progress: Progress
    affected: Affected
    note: Note = no_note
    former: Former = field(default_factory=Former)
    effects: list[Effect] = field(default_factory=list)
    silent: dict[str, str] = field(default_factory=dict)
    """Who gave no answer in time so far, in words: nobody waits for it a second time."""
    _told: set[tuple[str, ...]] = field(default_factory=set)
    """Failures, and reasons, that the screen has: what every sweep meets again is not told again."""
    _unnoted: list[Effect] = field(default_factory=list)
    _noting: Lock = field(default_factory=Lock)

    @property
    def revoked_before(self) -> int:
        """Epoch seconds: what is older is gone or dead, for every open incident; 0 until it is, in each."""
        times = [i.revoked_before for i in self.affected.open]
        return max(times) if times and all(times) else 0

    @property
    def clean(self) -> bool:
        return self.clean_beside(frozenset())

    def clean_beside(self, whats: Collection[str]) -> bool:
        """Whether nothing stays failed but effects of these kinds."""
        return all(e.what in whats for e in unresolved(self.effects))

    def effect(self, what: str, target: str, act: Act) -> bool:
        """Run one effect; whatever it raises becomes a named failure and the rest goes on."""
        done = self._tried(what, target, act)
        self._put_down()
        self.effects.append(done)
        if done.outcome is Outcome.DONE or (done.outcome is Outcome.FAILED and self._heard(done)[0]):
            self.progress(f"{done.outcome}: {what} {done.target}: {done.detail}")
        return done.outcome is not Outcome.FAILED

    def each(self, what: str, items: Iterable[tuple[str, Act]]) -> None:
        """Many at a time. A failure is told at once, and whatever fails for the same reason in one line after it; what
        else was done by name, or, when it is much, counted."""
        todo = list(items)
        effects: list[Effect] = []
        done: list[Effect] = []
        same: list[str] = []
        told = time.monotonic()
        with self._put_down_at_the_end(), ThreadPoolExecutor(WORKERS) as pool:
            for seen, future in enumerate(
                as_completed([pool.submit(self._tried, what, target, act) for target, act in todo]), start=1
            ):
                effect = future.result()
                effects.append(effect)
                words = f"{effect.outcome}: {what} {effect.target}: {effect.detail}"
                if len(todo) <= _BY_NAME:
                    self._put_down()
                if effect.outcome is Outcome.FAILED:
                    new, first = self._heard(effect)
                    if first:
                        self.progress(words)
                    elif new:
                        same.append(effect.target)
                elif effect.outcome is Outcome.DONE:
                    if len(todo) <= _BY_NAME:
                        self.progress(words)
                    else:
                        done.append(effect)
                if len(todo) > _BY_NAME and time.monotonic() - told > _TELL:
                    told = time.monotonic()
                    self._put_down()
                    self.progress(f"{what}: {seen} of {len(todo)} looked at")
        # Failures last: of two of one name in one go, the one that was done says nothing about the other.
        self.effects.extend(sorted(effects, key=lambda e: e.outcome is Outcome.FAILED))
        if same:
            self.progress(f"failed: {what}: for a reason told above: {named(what, same)}")
        if done:
            self.progress(f"done: {what}: {len(done)} of {len(todo)}")

    def _tried(self, what: str, target: str, act: Act) -> Effect:
        done = _tried(what, target, act)
        with self._noting:
            self._unnoted.append(done)
        return done

    def put_down(self) -> None:
        """Every effect so far that is not noted yet. Raises what `note` does."""
        with self._noting:
            self.note(self._unnoted)
            self._unnoted.clear()

    def _put_down(self) -> None:
        """What the disk does not take now waits for the end of the run, which says so."""
        with suppress(PortcullisError):
            self.put_down()

    @contextmanager
    def _put_down_at_the_end(self) -> Iterator[None]:
        """However it comes: an interrupted pool ends what it has begun."""
        try:
            yield
        finally:
            self._put_down()

    def _heard(self, failed: Effect) -> tuple[bool, bool]:
        """Whether it is new at this target, and whether its reason is new altogether; from now on neither is."""
        here, reason = (failed.what, failed.target, failed.detail), (failed.what, failed.detail)
        new, first = here not in self._told, reason not in self._told
        self._told |= {here, reason}
        return new, first

    def on_host(self, act: Callable[[CodeHost], Seen]) -> Act:
        """The host is opened within the effect, so that one that is down or not configured fails it by name."""
        return lambda: act(self.systems.code_host())

    @contextmanager
    def asking(self, whom: str) -> Iterator[None]:
        """Raises TimedOut at once where `whom` timed out before in this run."""
        if whom in self.silent:
            raise TimedOut(self.silent[whom])
        try:
            yield
        except TimedOut as error:
            self.silent[whom] = f"{error}: {whom} does not answer, and is not asked again in this run"
            raise TimedOut(self.silent[whom]) from error

    def fail(self, what: str, target: str, error: PortcullisError) -> None:
        """A failure that kept the effect from being tried at all."""

        def failed() -> Seen:
            raise error

        self.effect(what, target, failed)


def _tried(what: str, target: str, act: Act) -> Effect:
    away = False
    try:
        outcome, detail = act()
    except PortcullisError as error:
        outcome, detail, away = Outcome.FAILED, str(error), isinstance(error, Unreachable)
    except Exception as error:  # noqa: BLE001 - a defect of one effect, or a wrong setting, stops no other
        frame = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{Path(frame.filename).name}:{frame.lineno}"
        outcome, detail = Outcome.FAILED, f"unexpected {type(error).__name__} in {place}, which is a defect; not done"
    # Where every word of another system comes in, so that screens, events and pages all have it like this.
    return Effect(what, plain(target), outcome, plain(detail), time.time(), away)
