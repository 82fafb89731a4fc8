"""What random policy texts are made of, and what goes wrong in them."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod

PATHS = ["a", "a/b", "a/*", "a/+", "+/b", "a/+/c*", "/a/b", "", "*", "+", "a+*", "+*", "a/b/", "ä/b", "a{{", "path"]
WORDS = ["create", "read", "update", "delete", "list", "sudo", "patch", "scan", "deny"]
SHORTHAND = ["read", "write", "sudo", "deny"]
TIMES = ["5s", "1h", "90", "1.5h", "1h30m", "", "7d", "-1s", "1 h", "h", "10ms", "1d12h", "+5s", ".5s", "1_0"]
EXPIRY = [
    "2031-01-02T03:04:05Z",
    "2001-01-02T03:04:05Z",
    "2031-01-02T03:04:05+02:00",
    "2031-01-02",
    "1",
    "4102444800",
    "soon",
    "",
    "2031-13-02T03:04:05Z",
]
SPACE = ["", " ", "\n", "\t", "\r\n", "  ", " # note\n", " // note\n", "/* note */", "/* a\n b */", "\n\n"]
MARKS = "{}[]\",=\n\\#/*$<-'0.a ;:"
ARGUMENTS = (
    "policy",
    "policy",
    "allowed_parameters",
    "denied_parameters",
    "required_parameters",
    "min_wrapping_ttl",
    "max_wrapping_ttl",
    "mfa_methods",
    "pagination_limit",
    "expiration",
    "expiration",
    "comment",
)


class Texts(ABC):
    """One text after another. `odds`: of each oddity."""

    def __init__(self, dice: random.Random, odds: float) -> None:
        self._dice, self._odds = dice, odds

    def text(self) -> str:
        text = self._whole()
        while self._odd(3):
            text = self._spoilt(text)
        return text

    @abstractmethod
    def _whole(self) -> str:
        """Before it is spoilt."""

    def _odd(self, times: float = 1) -> bool:
        return self._dice.random() < self._odds * times

    def _spoilt(self, text: str) -> str:
        at = self._dice.randint(0, len(text))
        match self._dice.randrange(4):
            case 0:
                return text[:at] + text[at + 1 :]
            case 1:
                return text[:at] + self._dice.choice(MARKS) + text[at:]
            case 2:
                return text[:at]
            case _:
                end = self._dice.randint(at, min(len(text), at + 12))
                return text[:end] + text[at:end] + text[end:]

    def _escaped(self, char: str) -> str:
        code = ord(char)
        forms = [f"\\u{code:04x}", f"\\x{code & 255:02x}", f"\\{code & 255:03o}", f"\\U{code:08x}", f"\\{char}", "\\q"]
        return self._dice.choice([*forms, "\\/", f"\\u{code:x}", "\\b"])

    def _number(self) -> str:
        odd = ["1.5", "007", "0x1F", "1e3", "-", "1.", "-0", "1a", "99999999999999999999", "0o7", "1_000"]
        return self._dice.choice(odd) if self._odd(4) else str(self._dice.choice([0, 1, 5, 100, -1]))
