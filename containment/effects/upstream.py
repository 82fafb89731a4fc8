"""Leaked keys are disabled where they were issued: nothing that we deny stops one who has the value."""

from __future__ import annotations

from functools import partial

from containment.report import Outcome
from containment.run import Run, Seen
from policies.model import SecretAccessPolicy, Upstream


def disable_keys(run: Run) -> None:
    def disable(policy: SecretAccessPolicy, declared: Upstream) -> Seen:
        account = declared.account
        upstream = run.systems.upstream(declared.name)
        live = upstream.live_keys(account, policy.name)
        for key in live:
            upstream.disable_key(account, key)
        left = upstream.live_keys(account, policy.name)
        if left:
            return Outcome.FAILED, f"still live: {', '.join(left)}"
        return (Outcome.DONE, f"{len(live)} disabled, none live") if live else (Outcome.ALREADY, "none live")

    run.each(
        "upstream key disabled",
        [(p.name, partial(disable, p, p.key_issuer)) for p in run.affected.denied if p.key_issuer],
    )
