"""Deny before anything else is even imported: neither the declarations nor the provider's library is waited for."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import NoReturn

import pulumi

from containment import absent, opening, way_out
from containment.adapters.vault import HvacVault
from containment.errors import CUT_SHORT, DENIED, LiftRefused, NotContained, TokensRefused
from containment.incidents import lost
from containment.incidents.decide import LOCK, Asked
from containment.incidents.incident import Incident, Mode
from policies.errors import InputError, PortcullisError, Unanswered, Unreachable
from policies.model import Estate
from stacks import outputs, settings, told

_SAID = 32
"""By this exit code Pulumi's host knows that the program has said why it ended."""
_PATIENCE = 1.0
_CUT_SHORT = f"{CUT_SHORT}; the stack's outputs are those of the run before"
_AWAY = (
    "the vault gives no answer, and what it has in force stays. Start or unseal it, or set VAULT_ADDR, then run the "
    f"same command again. A lock-down does not wait for it: {LOCK}, or portcullis contain"
)
_EXPIRED = (
    "`bao token lookup` says whether this token has expired; set one that is accepted, then run the same command again"
)
_REFUSED = (
    "set one that is accepted, by the break-glass identity where there is no other, then run the same command again; "
    "what needs no vault is done at once by `portcullis contain`"
)
_LOCKED = "if it finds the stack locked, `pulumi cancel` first"
"""What a killed update leaves."""


lift_begun = threading.Event()
"""Set when every proof is in, right before the gate rises."""


@dataclass(frozen=True, slots=True)
class Begun:
    """What the rest of the run works on. `asked` names the incident; `stored` is the estate of the last apply."""

    vault: HvacVault
    asked: Asked
    environment: str
    approval: bool
    stored: Estate | None
    dry: bool


@contextmanager
def refusals() -> Iterator[None]:
    """Ours to Pulumi's: raises pulumi.RunError with the reason, which Pulumi prints without a traceback."""
    try:
        yield
    except PortcullisError as error:
        raise told.refused(f"{_verdict(error)}{error}") from error
    except pulumi.RunError:
        raise
    except Exception as error:
        told.error(f"unexpected {type(error).__name__}: {CUT_SHORT}")
        raise


@contextmanager
def asking() -> Iterator[None]:
    """Until something is changed. A wrong question leaves nothing behind, in the stack's outputs neither."""
    try:
        yield
    except InputError:
        outputs.refused(_on_record())
        raise


def _on_record() -> tuple[Incident, ...] | None:
    try:
        return HvacVault.from_environment().incidents()
    except PortcullisError:
        return None


def _interrupted(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001 - a signal handler's signature
    """No traceback, and the word again if Pulumi still takes it: on ^C it may end at once, outputs unwritten. It ends a
    program in the same way when a resource failed. Told by a thread that is not waited for long, since what was
    interrupted may hold the lock of the channel to Pulumi."""
    again = "run the same command again; the stack's outputs are those of the run before"
    asked = pulumi.Config().get("incident")
    if pulumi.runtime.is_dry_run():
        says = "a preview touches nothing"
    elif asked == Mode.LOCK:
        says = _CUT_SHORT
    elif asked == Mode.LIFT and not lift_begun.is_set():
        says = f"nothing was lifted; {again}"
    else:
        says = again
    denied = "" if pulumi.runtime.is_dry_run() else f"; {DENIED}"
    words = f"cut short, by ^C or by a resource that failed (named above): {says}{denied}{_past_failures()}"
    telling = threading.Thread(target=told.error, args=(words,), daemon=True)
    telling.start()
    telling.join(_PATIENCE)
    raise SystemExit(_SAID)


def _past_failures() -> str:
    """A resource that fails at each run would cut each of them short, before the program says what helps."""
    if os.environ.get("PULUMI_CONTINUE_ON_ERROR", "").lower() in ("1", "true"):
        return ""
    return "; if the same resource failed before, with PULUMI_CONTINUE_ON_ERROR=true, which goes on past it"


def _verdict(error: PortcullisError) -> str:
    """A lock-down that a server cut short is not contained, however far it came; a lift has not begun before its proofs
    are in, whatever ended it."""
    asked = pulumi.Config().get("incident")
    if pulumi.runtime.is_dry_run():
        return ""
    if asked == Mode.LOCK:
        return "not contained: " if isinstance(error, Unreachable) else ""
    said = isinstance(error, LiftRefused) or "nothing was" in str(error)
    return "nothing was lifted: " if asked == Mode.LIFT and not lift_begun.is_set() and not said else ""


@refusals()
@asking()
def deny() -> Begun:
    """Nothing is done in a preview, in peace, or before the first apply.

    Raises pulumi.RunError before anything changes: a token that could not undo what it locks.
    """
    signal.signal(signal.SIGINT, _interrupted)
    config, dry = settings.read(), pulumi.runtime.is_dry_run()
    outputs.begin(config.asked.mode, config.environment, dry=dry)
    if config.asked.mode is Mode.LOCK and not dry:
        told.info(f"should this run be interrupted: {_CUT_SHORT}; {_LOCKED}")
    declaring, vault = HvacVault.from_environment(), HvacVault.for_containment()
    asked, stored = config.asked, None
    try:
        if asked.mode is not Mode.LOCK or dry:
            return Begun(vault, asked, config.environment, config.approval, _stored(vault), dry)
        way_out_asked = _beside(declaring)
        vault = opening.admitted(vault, told.warn)
        lost.bring_back(vault, told.warn)
        stored = vault.compiled()
        if stored is not None:
            _prove_way_out(way_out_asked)
            asked = opening.deny_first(vault, asked, stored, told.info, told.warn)
    except TokensRefused as error:
        raise Unreachable(f"{error}: {_REFUSED}") from error
    except Unanswered as error:
        without_vault(vault, asked, stored, error, dry=dry)
    return Begun(vault, asked, config.environment, config.approval, stored, dry)


def _stored(vault: HvacVault) -> Estate | None:
    """The first that is asked of the server where nothing is to be locked."""
    try:
        return vault.compiled()
    except Unanswered:
        raise
    except Unreachable as error:
        raise Unreachable(f"{error}: {_EXPIRED}") from error


def _beside(declaring: HvacVault) -> Future[None]:
    """The server takes a quarter of a second for a token with rules for 1,000 declarations, while the rest is read. By
    a thread that no end of the program waits for."""
    asked: Future[None] = Future()

    def ask() -> None:
        try:
            way_out.require(declaring)
        except BaseException as error:  # noqa: BLE001 - raised again by whoever asks for the result
            asked.set_exception(error)
        else:
            asked.set_result(None)

    threading.Thread(target=ask, daemon=True).start()
    return asked


def _prove_way_out(asked: Future[None]) -> None:
    """Of the token that raises the gate again; `opening.deny_first` proves the one that denies. One that is refused
    altogether can be had anew, and the lock-down does not wait for it."""
    try:
        asked.result()
    except Unanswered:
        raise
    except Unreachable as error:
        told.warn(f"VAULT_TOKEN is refused, so Pulumi's own resources will fail; the lock-down goes on: {error}")


def without_vault(vault: HvacVault, asked: Asked, stored: Estate | None, error: Unanswered, *, dry: bool) -> NoReturn:
    """Before any resource is declared: a lock-down does what does not need the vault. Raises pulumi.RunError naming the
    rest, and Unanswered with what to do when nothing is to be locked."""
    if asked.mode is not Mode.LOCK or dry:
        raise Unanswered(f"{error}: {_AWAY}") from error
    done = absent.contain(asked, stored, error, vault, told.info, told.warn)
    words = (NotContained(done.report.not_contained), done.complaint, done.absent)
    raise told.refused(*filter(None, words)) from error
