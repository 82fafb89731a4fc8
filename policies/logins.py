"""Whether one JWT may log in as two identities. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import TypeAlias

from policies.model import CiRole, Workload

Identity: TypeAlias = Workload | CiRole

_TOLD = frozenset({"environment", "ref", "repository"})
_GITHUB = _TOLD | {"workflow_ref", "job_workflow_ref", "repository_id", "repository_owner", "repository_owner_id"}
"""Claims that every token of a workflow has, or every one of its kind."""
_JOB, _ANYWHERE = ("", "of a workflow"), ("", "of a workflow in any repository")


def bound(identity: Identity) -> dict[str, str]:
    """Claims that it asks for, with its repository's owner, what a workflow's `sub` says of its token:
    `repo:OWNER/NAME:ref:REF`, and what `workflow_ref` does, `OWNER/NAME/PATH@REF` (GitHub docs, OpenID Connect
    reference). None where it logs in by no JWT."""
    claims = dict(identity.bound_claims)
    at = claims.get("workflow_ref", "").split("/")
    issuer, _, rest = claims.get("sub", "").partition(":")
    repository, _, context = rest.partition(":")
    claim, _, value = context.partition(":")
    told = {"repository": repository, claim: value} if issuer == "repo" else {"repository": "/".join(at[:2])}
    found = {**{claim: value for claim, value in told.items() if value and claim in _TOLD}, **claims}
    owner = found.get("repository", "").partition("/")[0]
    return {"repository_owner": owner, **found} if owner else found


def agree(claims: dict[str, str], others: dict[str, str]) -> bool:
    """They differ in no claim, and have one in common or may both be met by a workflow's token."""
    common = claims.keys() & others.keys()
    met = bool(common) or all(_GITHUB & asked.keys() for asked in (claims, others))
    return met and all(claims[claim] == others[claim] for claim in common)


def pairs(identities: Iterable[Identity]) -> Iterator[tuple[Identity, Identity]]:
    """Each that agrees with one before it, and that one. Only those are compared that have a claim in common, or of
    which one names no repository: there are a thousand."""
    before: dict[tuple[str, str], list[tuple[Identity, dict[str, str]]]] = defaultdict(list)
    for identity in identities:
        claims = bound(identity)
        job = bool(_GITHUB & claims.keys())
        anywhere = job and "repository" not in claims
        asked = [(c, value) for c, value in claims.items() if anywhere or c != "repository_owner"]
        alike = (one for key in (*asked, _JOB if anywhere else _ANYWHERE) for one in before[key])
        if other := next((one for one, theirs in alike if agree(claims, theirs)), None):
            yield identity, other
        for key in (*asked, *[_JOB] * job, *[_ANYWHERE] * anywhere):
            before[key].append((identity, claims))


def repository_of(identity: Identity) -> str:
    """Name of the repository whose jobs alone may log in by it, in lower case and without its owner; "" where no claim
    says so. GitHub compares names without case, and its tokens have them as they were written."""
    return _name(bound(identity).get("repository", ""))


def repositories_of(identity: Identity) -> set[str]:
    """The same, with those whose workflow a job must run: who can change that is let in by it."""
    claims = bound(identity)
    flows = ("/".join(claims.get(claim, "").split("/")[:2]) for claim in ("workflow_ref", "job_workflow_ref"))
    return {repository_of(identity), *map(_name, flows)} - {""}


def _name(repository: str) -> str:
    return repository.rpartition("/")[2].lower()
