"""Whether one JWT may log in as two identities. Pure."""

from __future__ import annotations

from policies.model import CiRole, Workload

_GITHUB = frozenset({"environment", "ref", "repository"})


def bound(identity: Workload | CiRole) -> dict[str, str]:
    """Claims that it asks for, with what a workflow's `sub` says of its token: `repo:OWNER/NAME:ref:REF` (GitHub docs,
    OpenID Connect reference). None where it logs in by no JWT."""
    claims = dict(identity.bound_claims)
    issuer, _, rest = claims.get("sub", "").partition(":")
    repository, _, context = rest.partition(":")
    claim, _, value = context.partition(":")
    told = {"repository": repository, claim: value} if issuer == "repo" else {}
    return {**{claim: value for claim, value in told.items() if value and claim in _GITHUB}, **claims}


def agree(claims: dict[str, str], others: dict[str, str]) -> bool:
    """They have a claim in common and differ in none."""
    common = claims.keys() & others.keys()
    return bool(common) and all(claims[claim] == others[claim] for claim in common)


def repository_of(identity: Workload | CiRole) -> str:
    """Name, without its owner, of the one whose jobs alone may log in by it; "" where no claim says so."""
    return bound(identity).get("repository", "").rpartition("/")[2]
