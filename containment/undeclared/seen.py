"""What no declaration says and access rests on, as the last apply in peace saw it: who signs the JWTs that log in, who
gets the product's own jobs' roles, which deploy keys go by the declared titles, who may see a repository, what its
environments let run and which actions the organization allows, where it is written down who did what, and what no
lock-down looks into: namespaces, and login methods of which nobody here knows where they keep their roles. By parameter
a digest of its value, so that none is kept; of an audit device's passwords not even that.

Not read: which actions are on the organization's list where it allows selected ones."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from hashlib import sha256
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from access import login_methods
from containment import names
from containment.compiled import operators
from containment.ports import CodeHost, DeployKey, Seen, Vault
from containment.run import WORKERS, Progress
from policies.errors import PortcullisError
from policies.model import Repository

JWT_CONFIG = f"auth/{names.JWT}/config"
AUDIT = "audit device "
_KEY = "deploy key "
_NAMESPACE = "namespace "
_RUN = "workflow run "
REPLICATION = "performance replication"
_REPOSITORY, _ENVIRONMENT, ORGANIZATION = "repository ", "environment ", "organization actions"
_GONE = {
    _ENVIRONMENT: "a job that names it makes it anew, with nothing that guards it",
    AUDIT: "nothing is written there any more of who did what",
}
"""What follows. Of what else is gone nobody gets more."""
OWN_LOGINS = {f"auth/{names.JWT}/role/{name}": name for name in (operators.DRIFT, operators.APPROVER)}
"""Policy of each by the path of its login role. An administrator makes them, and binds them to a CI job."""
_Digests: TypeAlias = dict[str, dict[str, str]]


def of_vault(vault: Vault) -> _Digests:
    held = {path: vault.read(path) for path in (JWT_CONFIG, *OWN_LOGINS)}
    held |= {namespace(name): {"name": name} for name in vault.keys(names.NAMESPACES)}
    methods = {f"auth/{name.rstrip('/')}": method["type"] for name, method in (vault.read("sys/auth") or {}).items()}
    held |= {path: {"type": kind} for path, kind in methods.items() if not login_methods.known(kind)}
    return {path: _digests(values) for path, values in held.items() if values is not None}


def of_audit(vault: Vault) -> _Digests:
    """The server lists them to whoever has `sudo` there."""
    held: Mapping[str, Any] = vault.read("sys/audit") or {}
    return {f"{AUDIT}{name}": _device(device) for name, device in held.items()}


def _device(held: Mapping[str, Any]) -> dict[str, str]:
    """But of what it shows to whom it writes."""
    options = {of: value for of, value in (held.get("options") or {}).items() if of != "headers"}
    if address := urlsplit(str(options.get("uri", ""))).netloc:
        options["uri"] = options["uri"].replace(address, address.rpartition("@")[2], 1)
    return _digests({**options, "type": held["type"], "local": held.get("local")})


def is_unlooked(what: str) -> bool:
    """Of what is called so in the record: whether no lock-down looks into it, or gets through with it."""
    return what.startswith((_NAMESPACE, "auth/", _RUN, REPLICATION)) and what not in (JWT_CONFIG, *OWN_LOGINS)


def workflow_run(repository: str, run: int) -> str:
    """What it goes by in the record."""
    return f"{_RUN}{repository}/{run}"


def is_there(what: str, vault: Vault, host: Callable[[], CodeHost]) -> bool:
    """Raises Unreachable."""
    if what == REPLICATION:
        return bool(vault.replicated())
    if not what.startswith(_RUN):
        return what in of_vault(vault)
    repository, _, run = what.removeprefix(_RUN).partition("/")
    return run in map(str, host().live_runs(repository))


def namespace(name: str) -> str:
    """What it goes by in the record."""
    return f"{_NAMESPACE}{name}"


def of_keys(repository: Repository, keys: Iterable[DeployKey]) -> _Digests:
    """GitHub changes no key: another one has another id."""
    declared = [key for key in keys if key.title in repository.deploy_keys]
    return {
        f"{_KEY}{repository.name}: {key.title}": _digests({"key": key.id, "may": "read" if key.read_only else "write"})
        for key in declared
    }


def of_openness(repository: str, held: Mapping[str, Any]) -> _Digests:
    """Of `CodeHost.openness`."""
    return {f"{_REPOSITORY}{repository}": _digests(held)}


def of_environments(repository: str, held: Mapping[str, Mapping[str, Any]]) -> _Digests:
    """Of `CodeHost.environments` what decides: a reviewer's picture or a team's description may change."""
    return {
        f"{_ENVIRONMENT}{repository}/{name}": _digests(
            {
                **values,
                "protection_rules": _deciding(values.get("protection_rules") or ()),
                "can_admins_bypass": values.get("can_admins_bypass") is False and "none may",
            }
        )
        for name, values in held.items()
    }


def _deciding(rules: Iterable[Mapping[str, Any]]) -> list[Any]:
    """In an order of their own: GitHub promises none."""
    kept: list[dict[str, Any]] = []
    for rule in rules:
        asked = sorted(
            (str(r.get("type")), (r.get("reviewer") or {}).get("id", 0)) for r in rule.get("reviewers") or ()
        )
        of = {name: rule[name] for name in ("type", "wait_timer", "prevent_self_review") if rule.get(name)}
        kept.append({**of, "reviewers": asked} if asked else of)
    return sorted(kept, key=lambda rule: json.dumps(rule, sort_keys=True))


def of_organization(host: CodeHost) -> _Digests:
    """Nothing where GitHub does not tell which actions are allowed: while none runs it may leave that out."""
    rules = host.organization_rules()
    return {ORGANIZATION: {of: _digest(rule) for of, rule in rules.items()}} if "allowed_actions" in rules else {}


def of_repository(host: CodeHost, repository: Repository) -> _Digests:
    keys = of_keys(repository, host.deploy_keys(repository.name))
    return {**keys, **of_openness(repository.name, host.openness(repository.name))}


def of_repository_environments(host: CodeHost, repository: Repository) -> _Digests:
    return of_environments(repository.name, host.environments(repository.name))


def differing(found: Seen, before: Seen) -> list[str]:
    """Each that is there and is not as it was, with the parameters: of the organization those that were told both
    times. A new environment is none: a workflow makes it by naming it, with nothing in it to guard."""
    lines = []
    for what, values in sorted(found.items()):
        known = before.get(what)
        if known is None:
            lines += [] if what.startswith(_ENVIRONMENT) else [f"{what} (no apply has seen it)"]
            continue
        told = values.keys() & known.keys() if what == ORGANIZATION else values.keys() | known.keys()
        if wrong := sorted(p for p in told if values.get(p) != known.get(p)):
            lines.append(f"{what} (not as the last apply saw it: {', '.join(wrong)})")
    return lines


def vanished(found: Seen, before: Seen, looked: tuple[str, ...]) -> list[str]:
    """Each audit device, and each environment but one that guarded nothing, that is no more; `looked`: how what was
    looked for begins."""
    gone = [what for what, values in sorted(before.items()) if values and what not in found and what.startswith(looked)]
    return [f"{what} (is gone: {why})" for what in gone for head, why in _GONE.items() if what.startswith(head)]


def environments_of(repositories: Iterable[Repository]) -> tuple[str, ...]:
    """How what they are called in the record begins."""
    return tuple(f"{_ENVIRONMENT}{repository.name}/" for repository in repositories)


def look(
    vault: Vault,
    open_host: Callable[[], CodeHost],
    repositories: Sequence[Repository],
    before: Seen | None,
    warn: Progress,
) -> Seen:
    """For the record of this apply. What cannot be read stays as it was; that, and what is another than before, is
    said: from now on it is taken for what it should be. What GitHub does not tell of the organization stays as it was
    without a word: the last lift looks before Pulumi lets Actions run again."""

    def each(read: Callable[[CodeHost, Repository], _Digests], of: Callable[[CodeHost], _Digests]) -> _Digests:
        if not repositories:
            return {}
        host = open_host()
        with ThreadPoolExecutor(WORKERS) as pool:
            found = pool.map(partial(read, host), repositories)
            return {what: values for one in [*found, of(host)] for what, values in one.items()}

    def github() -> _Digests:
        found = each(of_repository, of_organization)
        kept = {**(before or {}).get(ORGANIZATION, {}), **found.get(ORGANIZATION, {})}
        return {**found, ORGANIZATION: kept} if kept else found

    seen: dict[str, Mapping[str, str]] = {}
    for head, read in (
        (("auth/", _NAMESPACE), partial(of_vault, vault)),
        ((AUDIT,), partial(of_audit, vault)),
        ((_KEY, _REPOSITORY, ORGANIZATION), github),
        ((_ENVIRONMENT,), partial(each, of_repository_environments, lambda _: {})),
    ):
        try:
            seen |= read()
        except PortcullisError as error:
            seen |= {name: values for name, values in (before or {}).items() if name.startswith(head)}
            warn(f"the record of each {' and '.join(head)}… stays that of the apply before: {error}")
    known = before or {}
    changed = differing(seen, known) if before is not None else []
    for line in [*changed, *vanished(seen, known, (AUDIT, *environments_of(repositories)))]:
        warn(f"{line}: if nobody meant it, put it back and apply again; from now on it is taken for declared")
    return seen


def _digests(values: Mapping[str, Any]) -> dict[str, str]:
    """But of `status`, which the server makes anew at each read: whether the issuer answers just now."""
    return {name: _digest(value) for name, value in values.items() if value and name != "status"}


def _digest(value: Any) -> str:
    return sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
