"""Whether one JWT may log in as two identities. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from policies.model import CiRole, Workload

Identity: TypeAlias = Workload | CiRole
Claims: TypeAlias = Mapping[str, str]

_JOB = frozenset(
    {
        *("actor", "actor_id", "base_ref", "check_run_id", "enterprise", "enterprise_id", "environment_node_id"),
        *("event_name", "head_ref", "issuer_scope", "job_workflow_ref", "job_workflow_sha", "repository"),
        *("repository_id", "repository_owner", "repository_owner_id", "repository_visibility", "run_attempt"),
        *("run_id", "run_number", "runner_environment", "workflow", "workflow_ref", "workflow_sha"),
    }
)
"""Claims by which a token is a workflow's (GitHub docs, OpenID Connect reference)."""
_ANY = frozenset(
    {"aud", "environment", "exp", "iat", "iss", "jti", "nbf", "ref", "ref_protected", "ref_type", "sha"},
)
"""Those of anybody's: another CI's tokens have a `ref` too."""
_IN_SUBJECT = {**{claim: claim for claim in _JOB | {"environment", "ref"}}, "repo": "repository", "context": ""}
"""Words that begin a claim in a workflow's `sub`, and that claim."""
_IDS = re.compile(r"@[0-9]+(?=/|$)")
"""Of owner and repository, in an immutable `sub`."""


def bound(identity: Identity) -> dict[str, str]:
    """Claims that it asks for, with its repository's owner, what a workflow's `sub` says of its token:
    `repo:OWNER/NAME:ref:REF`, with `@ID` after each name where it is immutable, or by an organization's template; and
    what `workflow_ref` does, `OWNER/NAME/PATH@REF` (GitHub docs, OpenID Connect reference). A JSON pointer of one step
    is that claim. None where it logs in by no JWT."""
    claims = {_claim(name): value for name, value in identity.bound_claims}
    found = {**_told(claims.get("sub", "")), **claims}
    if at := found.get("workflow_ref", "").split("/")[:2]:
        found = {"repository": "/".join(at), **found} if at[0] else found
    owner = found.get("repository", "").partition("/")[0]
    return {"repository_owner": owner, **found} if owner else found


def _claim(name: str) -> str:
    """Without what makes a JSON pointer of it (RFC 6901), where it leads to no claim's inside."""
    inside = name.removeprefix("/")
    return name if inside == name or "/" in inside else inside.replace("~1", "/").replace("~0", "~")


def _told(subject: str) -> dict[str, str]:
    told: dict[str, list[str]] = {}
    claim = ""
    for word in subject.split(":") if _subject_of_a_job(subject) else ():
        if word in _IN_SUBJECT:
            claim = _IN_SUBJECT[word]
        else:
            told.setdefault(claim, []).append(word)
    told.pop("", None)
    found = {claim: ":".join(words) for claim, words in told.items()}
    return {claim: _IDS.sub("", value) if claim == "repository" else value for claim, value in found.items()}


def _subject_of_a_job(subject: str) -> bool:
    """`repo:…`, or what an organization has put in its place: `CLAIM:VALUE`."""
    return ":" in subject and subject.partition(":")[0] in _IN_SUBJECT


def _kind(claims: Claims) -> int:
    """1 where only a workflow's token meets them, -1 where none does, 0 where either may."""
    job = any(c in _JOB or (c == "sub" and _subject_of_a_job(v)) for c, v in claims.items())
    others = any(not _subject_of_a_job(v) if c == "sub" else c not in _JOB | _ANY for c, v in claims.items())
    return job - others


def agree(claims: Claims, others: Claims) -> bool:
    """One token may meet both: they differ in no claim, and are not one a workflow's and one somebody else's."""
    alike = all(claims[claim] == others[claim] for claim in claims.keys() & others.keys())
    return bool(claims and others) and alike and _kind(claims) * _kind(others) >= 0


@dataclass
class _Alike:
    """Identities that ask for the same claims, of one kind; found by values of some of these."""

    kind: int
    held: list[tuple[Identity, Claims]] = field(default_factory=list)
    by: dict[tuple[str, ...], dict[tuple[str, ...], Identity]] = field(default_factory=dict)

    def add(self, identity: Identity, claims: Claims) -> None:
        self.held.append((identity, claims))
        for common, found in self.by.items():
            found.setdefault(_values(claims, common), identity)

    def find(self, common: tuple[str, ...], claims: Claims) -> Identity | None:
        if common not in self.by:
            self.by[common] = {_values(c, common): identity for identity, c in reversed(self.held)}
        return self.by[common].get(_values(claims, common))


def _values(claims: Claims, names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(claims[name] for name in names)


def pairs(identities: Iterable[Identity]) -> Iterator[tuple[Identity, Identity]]:
    """Each that agrees with one before it, and that one. There are a thousand, and few sets of claims: those are
    compared, and looked up by what they have in common."""
    before: dict[tuple[frozenset[str], int], _Alike] = {}
    for identity in identities:
        claims = bound(identity)
        if not claims:
            continue
        kind = _kind(claims)
        possible = ((names, alike) for (names, _), alike in before.items() if kind * alike.kind >= 0)
        found = (alike.find(tuple(sorted(names & claims.keys())), claims) for names, alike in possible)
        if other := next((one for one in found if one), None):
            yield identity, other
        before.setdefault((frozenset(claims), kind), _Alike(kind)).add(identity, claims)


def repository_of(identity: Identity) -> str:
    """Name of the repository whose jobs alone may log in by it, in lower case and without its owner; "" where no claim
    says so. GitHub compares names without case, and its tokens have them as they were written."""
    return _name(bound(identity).get("repository", ""))


def repositories_of(identity: Identity) -> set[str]:
    """The same, with those whose workflow a job must run: who can change that is let in by it."""
    claims = bound(identity)
    flows = ("/".join(claims.get(claim, "").split("/")[:2]) for claim in ("workflow_ref", "job_workflow_ref"))
    return {repository_of(identity), *map(_name, flows)} - {""}


def lets_in_a_job_of(repository: str, identity: Identity) -> bool:
    """Whether a job of it may log in by that: of that repository, or of any where its claims name none."""
    claims = bound(identity)
    return repository in repositories_of(identity) or bool(
        claims and not repositories_of(identity) and _kind(claims) >= 0
    )


def _name(repository: str) -> str:
    return repository.rpartition("/")[2].lower()
