"""Leaked keys are disabled where they were issued: nothing that we deny stops one who has the value.

A key is known by its tag, the declaration's name: which key is stored, only who reads values knows (rotation does). So
a key with the tag of no declaration may be the one that leaked, and what cannot be told apart is not called contained,
a replaced secret no more than another: whoever may write it can have pushed the leaked key out of the stored versions,
and whoever had the account may make a key with the tag of any declaration, at any time.

A key that a rotation made since it was denied in each incident is left alone: it waits for the proof of another one.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from containment.incidents.replacements import disabled, made, reference
from containment.incidents.scope import Affected, leaked_in
from containment.ports import UpstreamKey
from containment.report import Outcome
from containment.run import Run, Seen
from policies.errors import PortcullisError
from policies.model import Estate, SecretAccessPolicy, Upstream

_KNOWN = "upstream keys known"
UNKNOWN = frozenset({_KNOWN})
"""A finding about the upstream, which keeps no workload out."""


def disable_keys(run: Run) -> None:
    run.each("upstream key disabled", [(p.name, partial(_disable, run, p, at)) for p, at in old(run)])
    know_keys(run)


def know_keys(run: Run) -> None:
    run.each(_KNOWN, [(p.name, partial(_known, run, p, at)) for p, at in issued(run.affected)])


def issued(affected: Affected) -> list[tuple[SecretAccessPolicy, Upstream]]:
    """What leaked, of which we disable keys where they were issued."""
    return [(p, p.key_issuer) for p in affected.leaked_secrets if p.key_issuer]


def old(run: Run) -> list[tuple[SecretAccessPolicy, Upstream]]:
    """The same without what a person's word replaced: of its live keys nobody here knows which is the new one."""
    return [(p, at) for p, at in issued(run.affected) if run.affected.is_denied(p) or _made(run, p)]


def _made(run: Run, policy: SecretAccessPolicy) -> frozenset[str]:
    return made(f"secret:{policy.name}", run.incidents, run.estate)


def tags(declared: Upstream, estate: Estate) -> set[str]:
    """Those by which we know the keys of this account: the names of its declarations, those rotated by hand too."""
    return {s.name for s in estate.secrets if s.upstream == declared}


def strange(keys: Iterable[UpstreamKey], declared: Upstream, estate: Estate, affected: Affected) -> str:
    """Which live keys of this account may be nobody's, and what to do; "" when none may: those that bear the name of no
    declaration of it, and those that share one. Those of what leaked are not counted where we disable them."""
    known = tags(declared, estate)
    live = [k for k in keys if k.enabled]
    found = []
    if odd := [k.id for k in live if k.tag not in known]:
        found.append(
            f"{', '.join(odd)} of account {declared.account} at {declared.name} is live with the name of no "
            "declaration as its tag, so it may be the one that leaked: disable it there by hand, or, where it is "
            "another secret's, declare that and have the declaration's name put there as the tag"
        )
    for tag in sorted(known - {p.name for p, _ in issued(affected)}):
        if len(same := [k.id for k in live if k.tag == tag]) > 1:
            found.append(
                f"{len(same)} keys of account {declared.account} at {declared.name} are live with the tag {tag} "
                f"({', '.join(same)}): one may be the leaker's: disable there by hand what is not in use, or name that "
                "secret as leaked too, where we disable its keys"
            )
    return "; ".join(found)


def _disable(run: Run, policy: SecretAccessPolicy, declared: Upstream) -> Seen:
    upstream = run.systems.upstream(declared.name)
    new = _made(run, policy)

    def live() -> list[UpstreamKey]:
        return [k for k in upstream.keys(declared.account) if k.enabled and k.tag == policy.name]

    def others(keys: list[UpstreamKey]) -> list[UpstreamKey]:
        return [key for key in keys if reference(key.id) not in new]

    alive = live()
    if new and len(others(alive)) == len(alive):
        open_ = [i.id for i in run.affected.open if f"secret:{policy.name}" in leaked_in(i, run.estate.repositories)]
        run.progress(
            f"warning: the new key of {policy.name} is live no longer, and whoever works with it is refused: "
            f"portcullis rotate run {open_[-1]} makes another"
        )
    found = others(alive)
    for key in found:
        upstream.disable_key(declared.account, key.id)
    left = others(live())
    # Beside the new one it is nobody's: a further one may not do what that could.
    unrecorded = _on_record(run, policy, found) if found and not new else ""
    if left:
        return Outcome.FAILED, f"still live: {', '.join(k.id for k in left)}{unrecorded}"
    if found:
        return Outcome.DONE, f"{len(found)} disabled, none live{unrecorded}"
    return Outcome.ALREADY, f"none with the tag {policy.name} is live"


def _on_record(run: Run, policy: SecretAccessPolicy, found: list[UpstreamKey]) -> str:
    """What was live, for rotation: a new key may do no more. The words for why it is not, or "": nothing waits for the
    vault here, and rotation gives the least where nobody knows."""
    keys = disabled(f"secret:{policy.name}", found)
    try:
        run.systems.vault.update_incident(run.incident.id, lambda i: i.with_disabled(keys))
    except PortcullisError as error:
        return f"; what they could do is not on record: {error}"
    return ""


def _known(run: Run, policy: SecretAccessPolicy, declared: Upstream) -> Seen:
    if words := by_hand(run, policy, declared):
        run_id = f"`portcullis rotate run {run.incident.id}`"
        again = f"{run_id} disables a stored one by its id where no declaration has its tag; then lock down again"
        return Outcome.FAILED, f"{words}; {again}"
    return Outcome.ALREADY, "each live key of the account bears the name of its declaration"


def by_hand(run: Run, policy: SecretAccessPolicy, declared: Upstream) -> str:
    """What may have leaked and is disabled by nobody here, and what to do; "" when there is nothing. Raises
    InputError or Unreachable."""
    keys = run.systems.upstream(declared.name).keys(declared.account)
    if words := strange(keys, declared, run.estate, run.affected):
        return words
    if all(k.tag != policy.name for k in keys):
        words = f"account {declared.account} at {declared.name} has no key with the tag {policy.name}"
        return f"{words}: disable the leaked key there by hand"
    return ""
