"""What a path stands for, a role of a database, a key, a certificate, compared with what it stood for. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from access.rule import DENIED, ROOT_POLICY
from access.snapshot import Engine, Principal, Snapshot, Target
from policies.model import Ttl

Aspect = tuple[str, str, str, bool]
"""Its name, the value before and after, and whether the new one may give more."""


def differing(path: str, before: Snapshot, now: Target) -> Iterator[Aspect]:
    """Policies that a token role allows stand with the principals, one for each."""
    if now.engine is Engine.TOKEN:
        return
    was = before.stands_for.get(path)
    yield from _changed(was, now) if was else _new(path, now, before)


def _changed(was: Target, now: Target) -> Iterator[Aspect]:
    for aspect, old, new in (
        ("SQL statements", "\n".join(was.statements), "\n".join(now.statements)),
        ("connection", was.connection, now.connection),
        ("groups", ", ".join(was.groups), ", ".join(now.groups)),
        ("settings", str(was.settings), str(now.settings)),
    ):
        if old != new:
            yield aspect, old, new, True
    if was.ttl != now.ttl:
        yield "TTL", lives(was.ttl), lives(now.ttl), longer(was.ttl, now.ttl)


def _new(path: str, now: Target, before: Snapshot) -> Iterator[Aspect]:
    """Somebody reaches it by a pattern that they had already: no path tells that it gives something now."""
    if holders := sorted(str(p) for p in before.principals if _reaches(p, path)):
        yield "new, in reach", "none", f"{told(now)}, for {', '.join(holders)}", True


def _reaches(principal: Principal, path: str) -> bool:
    """Root reaches everything, and that is known."""
    rooted = any(a.policy.name == ROOT_POLICY for a in principal.attached)
    return not rooted and not principal.acl.capabilities(path) <= DENIED


def told(target: Target) -> str:
    groups = f" with the rights of {', '.join(target.groups)}" if target.groups else ""
    where = f" at {target.connection}" if target.connection else ""
    return f"{target.engine} role {target.role}{where}{groups}"


def lives(ttl: Ttl | None) -> str:
    return f"{ttl.default} s, {ttl.max} s at most" if ttl else "the server's own"


def longer(was: Ttl | None, now: Ttl | None) -> bool:
    """None and 0 are the server's own, which are its longest."""
    old, new = (t or Ttl(0, 0) for t in (was, now))
    pairs = ((old.default, new.default), (old.max, new.max))
    return any(n != o and (not n or 0 < o < n) for o, n in pairs)
