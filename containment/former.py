"""What was declared while a credential that is still out may have been made, by the estates that applies have kept on
the server before they made them: an ordinary change takes nothing out of a lock-down before what it left has expired.

A server that keeps fewer of them than there were in that time, or one that nobody can read, is named.
"""

from __future__ import annotations

from dataclasses import dataclass

from containment import names
from containment.incidents import scope
from containment.ports import Vault
from policies.errors import PortcullisError
from policies.model import CiRole, DatabaseSecret, Estate, TokenType, Workload

LONGEST = 86400
"""Seconds: no mount lets a credential live longer (thresholds.mount_ttl_max_seconds)."""
_LATE = 1800
"""Seconds that an apply may still work after it has kept its estate: its token lives no longer (docs/adr/0011)."""
_REMEDY = (
    f"look into what was declared then; once what it left has expired, or an administrator who has seen to it has "
    f"deleted {names.STORE}/metadata/compiled, the same command again"
)


@dataclass(frozen=True, slots=True)
class Former:
    """`estates`: the last apply's first, each with when the next took its place (epoch seconds; the first one's is
    `now`). `unread`: what is not known, in words."""

    estates: tuple[tuple[Estate, int], ...] = ()
    now: int = 0
    unread: tuple[str, ...] = ()

    def batch(self) -> dict[str, int]:
        """By name, how many seconds a batch token of the workload lives at most that may still be out."""
        found: dict[str, int] = {}
        for estate, until in self.estates:
            for workload in estate.workloads:
                if workload.tokens is TokenType.BATCH and self._out(until, workload.ttl.max):
                    found[workload.name] = max(workload.ttl.max, found.get(workload.name, 0))
        return found

    def granted(self, workload: str) -> frozenset[str]:
        """Names of the secrets that a token of it which is still out may have read."""
        return frozenset(
            policy.name
            for estate, until in self.estates
            for policy in estate.granted.get(workload, ())
            if self._out(until, LONGEST)
        )

    def places(self, name: str = "") -> list[tuple[str, DatabaseSecret]]:
        """Database roles, each with the name of its secret, of which credentials may still be out; of one secret, or of
        all."""
        return [
            (policy.name, policy.secret)
            for estate, until in self.estates
            for policy in estate.secrets
            if isinstance(policy.secret, DatabaseSecret)
            and name in ("", policy.name)
            and self._out(until, policy.ttl.max)
        ]

    def leased_to(self, identity: Workload | CiRole) -> list[tuple[str, DatabaseSecret]]:
        """The same of those that it was granted."""
        found = []
        for estate, until in self.estates:
            then = identity
            if isinstance(identity, CiRole):
                then = next((role for role in estate.ci_roles if role.name == identity.name), identity)
            for policy in scope.leased_to(then, estate):
                if isinstance(policy.secret, DatabaseSecret) and self._out(until, policy.ttl.max):
                    found.append((policy.name, policy.secret))
        return found

    def _out(self, until: int, life: int) -> bool:
        """Whether what lives so long, and was made before `until`, may not have expired yet."""
        return until + life + _LATE > self.now


def connected(secret: DatabaseSecret, estate: Estate) -> DatabaseSecret:
    """By a connection that is declared: where one is called otherwise by now, by that of the role at the same place."""
    if any(c.name == secret.connection for c in estate.connections):
        return secret
    now = (s.secret for s in estate.secrets if isinstance(s.secret, DatabaseSecret))
    return next((s for s in now if (s.mount, s.role) == (secret.mount, secret.role)), secret)


def read(vault: Vault) -> Former:
    """Raises nothing of ours: what is not read is named."""
    found: list[tuple[Estate, int]] = []
    unread: list[str] = []
    now = 0
    try:
        now = until = vault.now()
        longest, one = LONGEST, vault.applied()
        while one is not None:
            if not one.estates:
                unread.append(f"version {one.number} is deleted, or of an incompatible version: {_REMEDY}")
            for estate in one.estates:
                found.append((estate, until))
                longest = max([longest, *_lives(estate)])
            until = one.written
            if one.number == 1 or until + longest + _LATE <= now:
                break
            number = one.number - 1
            one = vault.applied(number)
            if one is None:
                unread.append(f"version {number} is not kept, nor any before it: {_REMEDY}")
    except PortcullisError as error:
        unread.append(str(error))
    return Former(tuple(found), now, tuple(unread))


def _lives(estate: Estate) -> list[int]:
    of_tokens = [*(w.ttl.max for w in estate.workloads), *(c.ttl.max for c in estate.ci_roles)]
    return [*of_tokens, *(s.ttl.max for s in estate.secrets)]
