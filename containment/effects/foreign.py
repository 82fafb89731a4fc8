"""Policies of others that grant what is denied: named, since only their keeper may write them.

A batch token that carries one can be neither listed nor revoked, so what counts is the policy and not who is seen to
hold it: the server reads a policy's text anew for every token that names it.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from access.acl import Acl
from access.errors import PolicyError
from access.policy import parse
from access.rule import DENIED, Policy, Rule
from containment import names
from containment.report import Outcome
from containment.run import Run, Seen
from policies.errors import PortcullisError

_WHAT = "policies of others"
_POLICIES = "sys/policies/acl"
_HOLE = re.compile(r"(\{\{.*?\}\}|\+)")


def judge(run: Run, paths: list[str]) -> None:
    """Of every policy that binds tokens past the gate (`names.past_the_gate`). What cannot be read is not contained."""
    vault = run.systems.vault
    if not paths:
        return
    try:
        now = datetime.fromtimestamp(vault.now(), UTC)
        listed = vault.keys(_POLICIES)
    except PortcullisError as error:
        run.fail(_WHAT, "not judged", error)
        return
    if not listed:
        run.effect(_WHAT, "not judged", lambda: (Outcome.FAILED, f"the server lists no policy at {_POLICIES}"))
        return
    others = [n for n in listed if not n.startswith(names.PREFIX) and names.past_the_gate([n])]
    run.each(_WHAT, [(name, partial(_look, run, name, paths, now)) for name in others])


def _look(run: Run, name: str, paths: list[str], now: datetime) -> Seen:
    found = run.systems.vault.read(f"{_POLICIES}/{name}")
    if found is None or not found["policy"]:
        return Outcome.ALREADY, "gone, or empty"
    try:
        policy = parse(str(found["policy"]), f"{_POLICIES}/{name}", name=name, now=now)
    except PolicyError as error:
        return Outcome.FAILED, f"not judged: {error}"
    expires = str(found.get("expiration") or "")
    granted = reached(replace(policy, expires=datetime.fromisoformat(expires) if expires else None), paths, now)
    if not granted:
        return Outcome.ALREADY, "grants nothing of what is denied"
    return Outcome.FAILED, (
        f"grants {', '.join(granted)}; batch tokens that carry it can be neither listed nor revoked: take the grant "
        f"out of it, or `bao policy delete {name}`; `portcullis access who PATH --live` tells who is given it"
    )


def reached(policy: Policy, paths: list[str], now: datetime) -> list[str]:
    """Those of `paths` that it grants anything on, with what. A templated rule counts for whatever it may stand for."""
    acl = Acl([policy], now=now)
    granted = {p: acl.capabilities(p) - DENIED for p in paths}
    for rule in (*acl.unresolved, *acl.forbidden):
        for path in paths:
            if _may_match(rule, path):
                granted[path] |= rule.capabilities - DENIED
    return [f"{path} ({', '.join(sorted(held))})" for path, held in granted.items() if held]


def _may_match(rule: Rule, path: str) -> bool:
    """A value may be anything here: with slashes and wildcards too, where the policy lets it."""
    written = rule.path.removesuffix("*")
    parts = ("[^/]+" if p == "+" else ".*" if p.startswith("{{") else re.escape(p) for p in _HOLE.split(written))
    return re.fullmatch("".join(parts) + (".*" if written != rule.path else ""), path) is not None
