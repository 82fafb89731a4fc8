"""Which grants the log shows in use, and by whom.

Only a token that an identity's own login made speaks for it: the server names it by the login method, with the role
beside it, and every token that another token made `token…`. The product's own probes are such tokens with the
identity's policies, and count as nobody's use. Whatever else carries the policy (issued by hand, two identities'
policies on one token, a role that is not declared) may be the identity at work or somebody else: it is credited to
nobody, and no grant that it touched is proposed for removal.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from containment import names
from rotation.tightening import log
from rotation.tightening.held import Held
from rotation.tightening.log import Coverage

_PROBE = f"token-{names.PROBE_ROLE}"
_WITH_SLASH = "list"


class Verdict(StrEnum):
    """WANTED: asked for and not given, as in an incident. UNCLEAR: used by a token that may not be the identity's.
    UNSEEN: not used in what the log holds of the window, which may not be all of it."""

    USED = "used"
    WANTED = "wanted"
    UNCLEAR = "unclear"
    UNSEEN = "unseen"


class _Whose(StrEnum):
    ITS_OWN = "its own"
    PROBE = "probe"
    UNCLEAR = "unclear"


@dataclass
class Uses:
    """Of one grant. `count`, `refused` and `unclear` within the window; `last` is the last use in all of the log up to
    its end, 0.0: none."""

    count: int = 0
    refused: int = 0
    unclear: int = 0
    probes: int = 0
    last: float = 0.0
    by: str = ""
    """Who the last unclear one was, as the server named the token."""

    @property
    def verdict(self) -> Verdict:
        if self.count:
            return Verdict.USED
        if self.refused:
            return Verdict.WANTED
        return Verdict.UNCLEAR if self.unclear else Verdict.UNSEEN


@dataclass
class Usage:
    coverage: Coverage
    uses: dict[tuple[str, str, str], Uses]

    def of(self, one: Held) -> Uses:
        return self.uses[one.key]


def usage(
    granted: Iterable[Held], files: Sequence[Path], since: float, until: float, sought: str = ""
) -> tuple[Usage, float]:
    """And when the path `sought` was last read, 0.0: never. Raises as `log.read` does."""
    by_policy: dict[str, Held] = {}
    found = Usage(Coverage(tuple(map(str, files))), {})
    for one in granted:
        by_policy[one.policy] = one
        found.uses[one.key] = Uses()
    wanted = [f'"{names.PREFIX}w-'.encode(), f'"{names.PREFIX}ci-'.encode(), *([sought.encode()] if sought else [])]
    pending: dict[str, tuple[float, dict[str, Any]]] = {}
    seen = 0.0
    for at, entry in log.read(files, wanted, found.coverage):
        if sought and entry["request"]["path"] == sought:
            seen = max(seen, at)
        if at > until:
            continue
        name = str(entry["request"].get("id"))
        if entry["type"] == "request":
            pending[name] = (at, entry)
            continue
        pending.pop(name, None)
        _count(found, by_policy, at, entry, since, answered=not entry.get("error"))
    for at, entry in pending.values():  # asked, and the answer is not in the log: torn by a kill, or refused
        _count(found, by_policy, at, entry, since, answered=False)
    return found, seen


def _count(
    found: Usage, by_policy: dict[str, Held], at: float, entry: dict[str, Any], since: float, *, answered: bool
) -> None:
    request, auth = entry["request"], entry.get("auth") or {}
    if (request.get("namespace") or {}).get("path"):
        return  # the declarations' policies are in the root namespace
    path, operation = str(request["path"]), str(request.get("operation"))
    path = path.removesuffix("/") if operation == _WITH_SLASH else path
    owners = [p for p in auth.get("policies") or () if p in by_policy]
    for policy in owners:
        uses = found.uses.get((policy, path, operation))
        if uses is None:
            continue
        whose = _whose(auth, owners, by_policy[policy])
        within = at >= since
        match whose:
            case _Whose.PROBE:
                uses.probes += within
            case _Whose.ITS_OWN:
                uses.count += within and answered
                uses.refused += within and not answered
                uses.last = max(uses.last, at) if answered else uses.last
            case _Whose.UNCLEAR:
                uses.unclear += within
                uses.by = str(auth.get("display_name") or "") if within else uses.by


def _whose(auth: dict[str, Any], owners: Sequence[str], one: Held) -> _Whose:
    display = str(auth.get("display_name") or "")
    if display == _PROBE:
        return _Whose.PROBE
    data = auth.get("metadata") or {}
    by_login = display == one.login or display.startswith(f"{one.login}-")
    its_role = (data.get("role_name") or data.get("role")) == one.identity
    return _Whose.ITS_OWN if by_login and its_role and len(owners) == 1 else _Whose.UNCLEAR
