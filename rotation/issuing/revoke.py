"""Revoke what lives at a path, one by one and looked up afterwards: what `vault lease revoke -prefix` claims to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus

from access.login_methods import COMPUTED_LOGIN
from containment import names
from containment.adapters.client import epoch
from containment.compiled import operators
from containment.effects import probes
from containment.effects.database import user_epoch
from containment.incidents import lost
from containment.incidents.generations import batch_workloads
from containment.incidents.incident import Incident, State
from containment.incidents.scope import leaked_in, leased_to
from containment.ports import Lease, Token
from containment.report import Effect, Outcome, exit_code, unresolved
from containment.run import Progress, Run, Seen, Systems
from policies.errors import Finding, InputError, PortcullisError
from policies.model import CiRole, DatabaseGrant, DatabaseSecret, Estate, SecretAccessPolicy, Workload
from rotation.issuing import outstanding, places
from rotation.issuing.places import Holds, Place

_ONE_LOGIN = (f"auth/{names.APPROLE}", f"auth/{names.JWT}")

KEPT = {*operators.POLICIES, "root"}
"""A token with one of these policies is the way out, or a responder's: it is never revoked by a path."""


@dataclass(frozen=True, slots=True)
class Result:
    """`found`: leases or tokens that were out. `kept`: tokens left alone. `instead`: what to do where nothing can be
    revoked. `unseen`: what goes with what was revoked, and was not looked at."""

    place: Place
    found: int
    kept: tuple[str, ...]
    effects: tuple[Effect, ...]
    instead: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()

    @property
    def not_revoked(self) -> tuple[str, ...]:
        return tuple(f"{e.target} ({e.what}: {e.detail})" for e in unresolved(self.effects))

    @property
    def exit_code(self) -> int:
        return exit_code(self.effects) or (Finding.exit_code if self.instead else 0)


def revoke(systems: Systems, estate: Estate, path: str, progress: Progress, dry: bool) -> Result:
    """Raises InputError for a path that nothing serves, and Unreachable when the server does not say what lives
    there; nothing was changed then."""
    vault = systems.vault
    place = places.find(path, vault.read("sys/mounts") or {}, vault.read("sys/auth") or {})
    run = outstanding.run(systems, estate, progress)
    match place.holds:
        case Holds.KV:
            return Result(place, 0, (), (), tuple(_instead(systems, estate, place)))
        case Holds.TOKENS:
            return _tokens(run, place, dry)
        case Holds.DATABASE:
            return _database(run, place, dry)
        case Holds.LEASES:
            return _leases(run, place, dry)


def _instead(systems: Systems, estate: Estate, place: Place) -> list[str]:
    """For a path in a KV store, where there is no lease: who can read the value now, and what retires it."""
    found = places.declared(place, estate)
    if not found:
        return [f"{place.path} is declared nowhere: declare it under policies/access, or destroy its versions by hand"]
    known = lost.tightening(systems.vault)
    return [f"{s.name}: {_readable(systems, estate, known, s)}; {_retire(estate, known, s)}" for s in found]


def _readable(systems: Systems, estate: Estate, incidents: Sequence[Incident], secret: SecretAccessPolicy) -> str:
    try:
        answers = probes.tried(systems, estate, incidents, secret)
    except PortcullisError as error:
        return f"whether its workloads can read it was not seen: {error}"
    if answers is None:
        return "nobody is granted it"
    if answers == probes.REFUSED:
        return "its workloads are refused"
    readable = answers[0] == HTTPStatus.OK
    return "its workloads can read it" if readable else f"what its workloads can do was not seen: {answers[0]}"


def _retire(estate: Estate, incidents: Sequence[Incident], secret: SecretAccessPolicy) -> str:
    item = f"secret:{secret.name}"
    for one in incidents:
        if one.state is State.OPEN and item in leaked_in(one, estate.repositories) and item not in one.opened:
            return f"it leaked in {one.id}: replace it with `portcullis rotate run {one.id}`"
    return (
        f"deny and disable it with `pulumi up --config incident=true --config incidentId= --config incidentScope={item}"
        "`, then replace it with `portcullis rotate run` and the incident's id"
    )


def _tokens(run: Run, place: Place, dry: bool) -> Result:
    if place.mount in _ONE_LOGIN and place.rest not in ("", "login", COMPUTED_LOGIN):
        # Every token says that it was made by the login, whosever it is: at any other path there would never be one.
        raise InputError(
            f"no token is made at {place.path}: {place.mount}/login is where all are, whosever they are; those of one "
            "identity: portcullis secrets-issue-dynamic --role NAME, or a lock-down with --scope workload:NAME"
        )
    vault = run.systems.vault
    caller, since = vault.whoami(), vault.now() + 1
    kept: set[str] = set()

    def find() -> list[Token]:
        found = []
        for token in vault.tokens():
            if not f"{token.path}/".startswith(f"{place.path}/") or token.batch or token.created >= since:
                continue
            if token.accessor == caller or KEPT & set(token.policies):
                kept.add("the caller's own token" if token.accessor == caller else _why_kept(token))
            else:
                found.append(token)
        return found

    count = len(find())
    if not dry:
        outstanding.end_tokens(run, place.path, find)
    return Result(place, count, tuple(sorted(kept)), tuple(run.effects), _batch(run, place), _leases_of(run, place))


def _batch(run: Run, place: Place) -> tuple[str, ...]:
    """What to do about tokens that nobody can list, where there may be some."""
    batch = {w.name for w in batch_workloads(run.estate)}
    held = [i.name for i in _made_at(run, place) if isinstance(i, Workload) and i.name in batch]
    return tuple(
        f"{name} has batch tokens, which can be neither listed nor revoked; to deny them: portcullis contain "
        f"--scope workload:{name}"
        for name in held
    )


def _leases_of(run: Run, place: Place) -> tuple[str, ...]:
    """Database roles whose leases end with such tokens, some time after them: a lease does not say whose it is."""
    held = {s.name: s for i in _made_at(run, place) for s in leased_to(i, run.estate)}
    return tuple(
        f"leases of {name} end with the tokens, which was not looked at; to see them gone, those of other tokens too: "
        f"portcullis revoke {names.granted_path(secret)}"
        for name, secret in sorted(held.items())
    )


def _made_at(run: Run, place: Place) -> list[Workload | CiRole]:
    method = place.mount.removeprefix("auth/").removesuffix("auth")
    identities: list[Workload | CiRole] = [*run.estate.workloads, *run.estate.ci_roles]
    return [i for i in identities if method in ("", names.login_method(i))]


def _why_kept(token: Token) -> str:
    return f"{token.accessor[:6]}… ({', '.join(sorted(KEPT & set(token.policies)))})"


def _database(run: Run, place: Place, dry: bool) -> Result:
    vault = run.systems.vault
    wanted = places.roles(place, vault.keys(f"{place.mount}/roles"))
    one = places.lease(place)
    found = {role: vault.leases(f"{place.mount}/creds/{role}") for role in wanted}
    if one:
        found = {role: [x for x in leases if x.id.endswith(f"/{one}")] for role, leases in found.items()}
        if not any(found.values()):
            raise InputError(f"no lease {place.path}: it is gone, or never was; nothing was changed")
    count = sum(map(len, found.values()))
    for role in wanted if not dry else ():
        secret = _secret(run, place.mount, role)
        if secret is None:
            _without_database(run, role, found[role])
        elif one:
            run.effect("lease revoked", role, partial(_one_lease, run, secret, found[role][0]))
        else:
            outstanding.end_role(run, role, secret)
    return Result(place, count, (), tuple(run.effects))


def _secret(run: Run, mount: str, role: str) -> DatabaseSecret | None:
    """Of a role that nobody declared too, when its connection is declared; which SQL made its users is no matter."""
    connection = str((run.systems.vault.read(f"{mount}/roles/{role}") or {}).get("db_name"))
    declared = any((c.mount, c.name) == (mount, connection) for c in run.estate.connections)
    return DatabaseSecret(mount, role, connection, DatabaseGrant.READONLY) if declared else None


def _one_lease(run: Run, secret: DatabaseSecret, lease: Lease) -> Seen:
    """The server does not say which user a lease made: it is one of those made in the same second that goes."""
    database, prefix = run.systems.database(secret.connection), names.database_user_prefix(secret)
    before = set(database.users(prefix))
    if not run.systems.vault.revoke_lease(lease.id):
        return Outcome.FAILED, "still listed"
    gone = before - set(database.users(prefix))
    if not any(abs(user_epoch(user) - epoch(lease.issued)) <= 1 for user in gone):
        return Outcome.FAILED, f"looked up, gone; no database user of that second went with it ({len(before)} before)"
    return Outcome.DONE, f"looked up, gone; database user {', '.join(sorted(gone))} gone"


def _without_database(run: Run, role: str, leases: Sequence[Lease]) -> None:
    run.each("lease revoked", [(f"{role} {x.id[-6:]}", partial(_look_up, run, x.id)) for x in leases])
    if leases:
        why = "its connection is not declared: whether its users are gone was not seen"
        run.effect("database users gone", role, lambda: (Outcome.FAILED, why))


def _look_up(run: Run, lease: str) -> Seen:
    gone = run.systems.vault.revoke_lease(lease)
    return (Outcome.DONE, "looked up, gone") if gone else (Outcome.FAILED, "still listed")


def _leases(run: Run, place: Place, dry: bool) -> Result:
    one = run.systems.vault.leased(place.path)  # the operator may look up any, and list few
    leases = [place.path] if one else _below(run, place.path)
    if place.rest and not leases:
        raise InputError(f"no lease at {place.path} or below it: gone, or never was; nothing was changed")
    if not dry:
        run.each("lease revoked", [(x, partial(_look_up, run, x)) for x in leases])
    return Result(place, len(leases), (), tuple(run.effects))


def _below(run: Run, path: str) -> list[str]:
    found: list[str] = []
    for key in run.systems.vault.keys(f"sys/leases/lookup/{path}"):
        found += _below(run, f"{path}/{key.rstrip('/')}") if key.endswith("/") else [f"{path}/{key}"]
    return found
