"""Leaked keys are disabled where they were issued: nothing that we deny stops one who has the value.

A key is known by its tag, the declaration's name: which key is stored, only who reads values knows (rotation does). So
a key with any other tag may be the one that leaked, and what cannot be told apart is not called contained.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from containment.ports import UpstreamKey
from containment.report import Outcome
from containment.run import Run, Seen
from policies.model import Estate, SecretAccessPolicy, Upstream

_KNOWN = "upstream keys known"
UNKNOWN = frozenset({_KNOWN})
"""A finding about the upstream, which keeps no workload out."""


def disable_keys(run: Run) -> None:
    issued = [(p, p.key_issuer) for p in run.affected.denied if p.key_issuer]
    run.each("upstream key disabled", [(p.name, partial(_disable, run, p, at)) for p, at in issued])
    run.each(_KNOWN, [(p.name, partial(_known, run, p, at)) for p, at in issued])


def strange(keys: Iterable[UpstreamKey], declared: Upstream, estate: Estate) -> list[str]:
    """Ids of live keys of this account that bear the name of no declaration of it."""
    names = {s.name for s in estate.secrets if s.key_issuer == declared}
    return [k.id for k in keys if k.enabled and k.tag not in names]


def _disable(run: Run, policy: SecretAccessPolicy, declared: Upstream) -> Seen:
    upstream = run.systems.upstream(declared.name)

    def live() -> list[str]:
        return [k.id for k in upstream.keys(declared.account) if k.enabled and k.tag == policy.name]

    found = live()
    for key in found:
        upstream.disable_key(declared.account, key)
    left = live()
    if left:
        return Outcome.FAILED, f"still live: {', '.join(left)}"
    if found:
        return Outcome.DONE, f"{len(found)} disabled, none live"
    return Outcome.ALREADY, f"none with the tag {policy.name} is live"


def _known(run: Run, policy: SecretAccessPolicy, declared: Upstream) -> Seen:
    keys = run.systems.upstream(declared.name).keys(declared.account)
    place = f"account {declared.account} at {declared.name}"
    remedy = (
        f"disable the leaked key there by hand; `portcullis rotate run {run.incident.id}` disables the stored one by "
        "its id, then lock down again"
    )
    if left := strange(keys, declared, run.estate):
        words = f"{', '.join(left)} of {place} is live, with the name of no declaration as its tag"
        return Outcome.FAILED, f"{words}: {remedy}"
    if all(k.tag != policy.name for k in keys):
        return Outcome.FAILED, f"{place} has no key with the tag {policy.name}: {remedy}"
    return Outcome.ALREADY, "each live key of the account bears the name of its declaration"
