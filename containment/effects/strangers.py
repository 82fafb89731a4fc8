"""Whoever reaches what leaked past the gate: tokens and login roles that are declared nowhere, and what nobody looks
into from here.

The server itself says what a token may do (`sys/capabilities-accessor`), whatever its policies, groups and entity are.
A batch token has no accessor and shows nowhere: the policies that let one in are named (`foreign`).
"""

from __future__ import annotations

import shlex
from functools import partial

from access.globs import like
from access.login_methods import COMPUTED_LOGIN
from containment import names
from containment.compiled import logins
from containment.effects import foreign, tokens
from containment.ports import Token
from containment.report import Outcome
from containment.run import Run, Seen
from containment.undeclared import seen, ungated
from containment.undeclared.carriers import Carrier
from policies.errors import PortcullisError, Unreachable

_NOTHING = {"deny"}
_KNOWN = "the last apply in peace knew of it"


def shut_out(run: Run) -> None:
    """Tokens are revoked, but never the one this run works with; a role is an administrator's, so it is named."""
    paths = foreign.leaked_paths(run.affected)
    try:
        # Listed anew: a token that was made since the sweeps is in none of their lists.
        operator = run.systems.vault.whoami()
        out = [t for t in run.systems.vault.tokens() if _past(t, operator)]
        found = [t for t in out if _ours(t) or _by_program(t) or (paths and _reaches(run, t, paths))]
    except PortcullisError as error:
        run.fail("tokens past the gate", "every one", error)
    else:
        tokens.end(run, found)
        word = f"{len(found)} were ours, or reached what is denied" if found else "none is ours or reaches it"
        run.effect("tokens past the gate", "every one", lambda: (Outcome.ALREADY, word))
    _roles(run)
    _namespaces(run)
    _others(run)
    foreign.judge(run, paths)


def _past(token: Token, operator: str) -> bool:
    kept = token.accessor == operator or token.batch or token.wrapping
    return not kept and (names.past_the_gate(token.policies) or _by_program(token))


def _ours(token: Token) -> bool:
    """By a policy of the product's: no login or issue gives one without the gate."""
    return any(policy.startswith(ungated.OWN) for policy in token.policies)


def _by_program(token: Token) -> bool:
    """One of the product's own identities by a login whose program named it: no keeper of theirs logs in so."""
    return token.path.endswith(f"/{COMPUTED_LOGIN}") and not names.KEEPERS.isdisjoint(token.policies)


def _reaches(run: Run, token: Token, paths: list[str]) -> bool:
    """The server answers as for a listing: where there is a rule for the path without the slash at its end, by that. A
    request there is decided by the patterns, and they answer for one slash more."""
    asked = [*paths, *(f"{path}/" for path in paths if path.endswith("/"))]
    held = run.systems.vault.capabilities_of(token.accessor, asked)
    return held is not None and any(capabilities - _NOTHING for capabilities in held.values())


def _roles(run: Run) -> None:
    """Ours by policy and not by declaration, which hand out tokens that the gate does not bind. Every login method that
    is not the product's is named, whatever its roles attach."""
    looked = ungated.look(run.systems.vault, run.estate)
    identities = logins.identities(run.estate)
    for said in looked.unread:
        run.fail("past the gate", "roles", Unreachable(f"not judged: {said}"))
    for path, kind in looked.others.items():
        run.effect("past the gate", path, partial(_method, run, path, kind, looked.unknown.get(path, "")))
    found = [(carrier, ungated.attached(carrier, identities)) for carrier in looked.found]
    gone = _gone(run, {policy for _, attached in found for policy in attached})
    run.each("past the gate", [(one.path, partial(_judged, run, one, attached, gone)) for one, attached in found])


def _gone(run: Run, attached: set[str]) -> set[str]:
    """Those, globs among them, of which the server has none, and no declaration that an update may be about to make;
    nobody knows of any where it does not say."""
    try:
        held = run.systems.vault.keys(names.POLICIES) if attached else []
    except PortcullisError:
        return set()
    there = [*held, *map(names.own_policy, logins.identities(run.estate))]
    return {policy for policy in attached if not any(like(name, policy) for name in there)}


def _method(run: Run, path: str, kind: str, unknown: str) -> Seen:
    if unknown and (why := _meant(run, path)):
        run.progress(f"warning: {path}: {unknown}; {why}")
        return Outcome.ALREADY, f"{unknown}; {why}"
    if unknown:
        off = f"bao auth disable {shlex.quote(path.removeprefix('auth/'))}"
        return Outcome.FAILED, f"{unknown}, so what its logins get cannot be told: {off}, or {_word(run, path)}"
    run.progress(f"warning: {path} is a login method of type {kind} that is not the product's")
    return Outcome.ALREADY, f"not the product's, of type {kind}: each of its roles was looked at"


def _namespaces(run: Run) -> None:
    """Each has engines, logins, policies and an audit of its own, and no token of this one sees what is out there."""
    try:
        found = run.systems.vault.keys(names.NAMESPACES)
    except PortcullisError as error:
        run.fail("past the gate", "namespaces", Unreachable(f"not judged: {error}"))
        return
    for name in found:
        run.effect("past the gate", seen.namespace(name), partial(_namespace, run, name))


def _namespace(run: Run, name: str) -> Seen:
    if why := _meant(run, seen.namespace(name)):
        run.progress(f"warning: namespace {name} is not looked into; {why}")
        return Outcome.ALREADY, f"not looked into; {why}"
    return Outcome.FAILED, (
        "is not looked into: it has engines, logins and policies of its own. See by hand what in it reaches what "
        f"leaked (bao … -namespace={shlex.quote(name)}), then bao namespace delete {shlex.quote(name)}, or "
        f"{_word(run, seen.namespace(name))}"
    )


def _others(run: Run) -> None:
    """Clusters that have this one's policies, and tokens and leases of their own."""
    try:
        mode = run.systems.vault.replicated()
    except PortcullisError as error:
        run.fail("past the gate", seen.REPLICATION, Unreachable(f"not judged: {error}"))
        return
    if mode:
        run.effect("past the gate", seen.REPLICATION, partial(_replicated, run, mode))


def _replicated(run: Run, mode: str) -> Seen:
    if why := _meant(run, seen.REPLICATION):
        run.progress(f"warning: the other clusters of this {mode} are not looked into; {why}")
        return Outcome.ALREADY, f"other clusters are not looked into; {why}"
    return Outcome.FAILED, (
        f"this cluster is a {mode}: what another one gave out is seen and revoked there alone. End it there (bao token "
        f"revoke -mode=path auth/…, bao lease revoke -prefix …); {_word(run, seen.REPLICATION)}"
    )


def _meant(run: Run, what: str) -> str:
    """Why it is nobody's doing, in words, or ""."""
    if any(what in i.meant for i in run.affected.open):
        return "somebody has said that it is meant"
    return _KNOWN if what in (run.systems.vault.seen() or {}) else ""


def _word(run: Run, what: str) -> str:
    return (
        f"where it is meant, portcullis rotate confirm {run.incident.id} {shlex.quote(what)} --by NAME --note WHAT; "
        "then lock down again"
    )


def _judged(run: Run, carrier: Carrier, attached: list[str], gone: set[str]) -> Seen:
    if carrier.computed:
        return Outcome.FAILED, (
            f"what it hands out cannot be told, since a program says so at each login: bao delete {carrier.path}; then "
            "lock down again"
        )
    if not attached:
        kept = sorted(names.KEEPERS & {*carrier.policies})
        words = f"attaches {', '.join(kept)}, which its keepers guard" if kept else ""
        return Outcome.ALREADY, words or "attaches nothing of ours, or the gate too"
    of_tokens = carrier.path.startswith("auth/token/roles/")
    delete = f"an administrator deletes it: bao delete {carrier.path}" if of_tokens else "delete it"
    there = [policy for policy in attached if policy not in gone]
    if not there:
        words = f"attaches {', '.join(attached)}, which the server does not have: it grants nothing"
        run.progress(f"warning: {carrier.path} {words}; {delete}")
        return Outcome.ALREADY, words
    # Whoever makes a token by a role leaves out what of its list they like.
    instead = "; then lock down again" if of_tokens else f", or attach {names.GATE}"
    return Outcome.FAILED, f"attaches {', '.join(there)} without {names.GATE}: {delete}{instead}"
