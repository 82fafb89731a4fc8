"""The OPA server over `opa-python-client`. Undefined or malformed is a denial; unreachable is an error of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from policies.errors import InputError, Unreachable
from policies.plain import plain

_SECONDS = 10
"""For one decision: over 1,000 declarations it is a second on a machine that has other work."""


@dataclass(frozen=True, slots=True)
class Violation:
    """What a declaration broke; `file` is "" where it is all of them together. `line` counts from 1; 0 where the
    declaration did not say. `field`: its path there, as `policies.fields` names it; "" where it is the whole."""

    file: str
    line: int
    rule: str
    severity: str
    name: str
    field: str
    message: str
    remedy: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}: {self.field or '(document)'}" if self.file else "(all declarations)"
        subject = f"{self.name}: " if self.name else ""
        return plain(f"{where}: {self.rule} ({self.severity}): {subject}{self.message} — {self.remedy}")


@dataclass(frozen=True, slots=True)
class Decision:
    """`violations` is filled by `portcullis.declaration` alone, in file order."""

    allow: bool
    reasons: tuple[str, ...]
    violations: tuple[Violation, ...] = ()

    def located(self, line: Callable[[Violation], int]) -> Decision:
        """The same, with the line of each violation found anew."""
        violations = _ordered(replace(v, line=line(v)) for v in self.violations)
        return replace(self, violations=violations, reasons=tuple(map(str, violations)) or self.reasons)


class Opa:
    """`url`: `http(s)://host[:port]`, port 8181 where none is named. Raises InputError for anything else."""

    def __init__(self, url: str) -> None:
        from opa_client.opa import OpaClient

        try:
            parts = urlsplit(url)
            self._port = parts.port or 8181
        except ValueError as error:
            raise InputError(f"{url!r} is no OPA URL; give http://host:port") from error
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InputError(f"{url!r} is no OPA URL; give http://host:port")
        self._host, self._tls = parts.hostname, parts.scheme == "https"
        self._client: Any = OpaClient

    def decide(self, package: str, question: dict[str, Any]) -> Decision:
        """Ask a package for `allow` and for why not (`reasons`, `missing` or `deny`). Raises Unreachable."""
        from requests.exceptions import JSONDecodeError, RequestException

        try:
            with self._client(host=self._host, port=self._port, ssl=self._tls, timeout=_SECONDS) as client:
                answer = client.query_rule(input_data=question, package_path=package)
        except JSONDecodeError:
            return _undefined(package)
        except RequestException as error:
            raise Unreachable(f"opa at {self._host}:{self._port}: {package}: {type(error).__name__}") from error
        result = answer.get("result") if isinstance(answer, dict) else None
        return _decision(package, result) if isinstance(result, dict) else _undefined(package)


def _ordered(violations: Iterable[Violation]) -> tuple[Violation, ...]:
    return tuple(sorted(violations, key=lambda v: (v.file, v.line, v.rule)))


def _undefined(package: str) -> Decision:
    return Decision(False, (f"undefined: {package} gave no decision",))


def _decision(package: str, result: dict[str, Any]) -> Decision:
    allow = result.get("allow")
    given = [result[key] for key in ("reasons", "missing", "deny") if key in result]
    if not isinstance(allow, bool) or len(given) != 1 or not isinstance(given[0], list):
        return _undefined(package)
    violations: tuple[Violation, ...] = ()
    if all(isinstance(reason, str) for reason in given[0]):
        reasons = tuple(sorted(given[0]))
    else:
        try:
            violations = _ordered(Violation(**one) for one in given[0])
        except TypeError:
            return _undefined(package)
        reasons = tuple(map(str, violations))
    if allow:
        # A package that allows and objects in one breath has not decided.
        return Decision(True, ()) if not reasons else _undefined(package)
    return Decision(False, reasons or (f"{package} does not allow it",), violations)
