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
    """Name of the repository whose jobs alone may log in by it, in lower case and without its owner; "" where no claim
    says so. GitHub compares names without case, and its tokens have them as they were written."""
    return _name(bound(identity).get("repository", ""))


def repositories_of(identity: Workload | CiRole) -> set[str]:
    """The same, with those whose workflow a job must run: who can change that is let in by it."""
    claims = bound(identity)
    flows = ("/".join(claims.get(claim, "").split("/")[:2]) for claim in ("workflow_ref", "job_workflow_ref"))
    return {repository_of(identity), *map(_name, flows)} - {""}


def _name(repository: str) -> str:
    return repository.rpartition("/")[2].lower()
