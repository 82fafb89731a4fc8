"""What can be tried with a credential, as data: the same in the drill itself and in a process of its own."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, assert_never

from drill.hands import Hands, alive


class Action(StrEnum):
    ORDER = "order"
    READ = "read"
    LOGIN = "login"
    JWT_LOGIN = "jwt-login"
    CONNECT = "connect"
    SESSION = "session"
    PUSH = "push"


@dataclass(frozen=True, slots=True)
class Act:
    """`values` holds the credential; it is never printed."""

    action: Action
    values: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Attempt:
    """A refusal of `use` counts only while `control`, the same by an identity that stays allowed, succeeds."""

    what: str
    credential: str
    use: Act
    control: Act
    paused: bool = False
    """Not dead but switched off for as long as the incident lasts: it works again after the lift, and should."""


class Performer:
    """Tries acts. Database sessions stay open between tries, as an attacker's would."""

    def __init__(self, hands: Hands) -> None:
        self._hands = hands
        self._sessions: dict[str, Any] = {}

    def open_session(self, act: Act) -> None:
        self._sessions[act.values["user"]] = self._hands.connect(act.values["user"], act.values["password"])

    def perform(self, act: Act) -> bool:
        """True it worked, False it was refused. Raises Unreachable when nobody answered."""
        hands, v = self._hands, act.values
        match act.action:
            case Action.ORDER:
                return hands.order(v["key"], v["secret"])
            case Action.READ:
                return hands.allowed(lambda: hands.read(v["token"], v["path"]))
            case Action.LOGIN:
                return hands.allowed(lambda: hands.login(v["role_id"], v["secret_id"]))
            case Action.JWT_LOGIN:
                return hands.allowed(lambda: hands.jwt_login(v["role"], v["jwt"]))
            case Action.CONNECT:
                return hands.can_connect(v["user"], v["password"])
            case Action.SESSION:
                if v["user"] not in self._sessions:
                    self.open_session(act)
                return alive(self._sessions[v["user"]])
            case Action.PUSH:
                # A branch for each process, so that two who push do not overtake each other.
                return hands.push(v["login"], v["token"], v["repository"], f"{v['branch']}-{os.getpid()}")
        assert_never(act.action)
