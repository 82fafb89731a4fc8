"""Declarations on disk to the typed model. Reports every offender at once, each with file, line, field and remedy."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

from policies import model
from policies.document import Problem, Refused, parse
from policies.errors import InputError

ROOT = Path(__file__).resolve().parent
ACCESS = ROOT / "access"
SCHEMA = ROOT / "declaration.schema.json"

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class DeclarationError(InputError):
    """One or more declarations do not load; nothing was changed. `problems` holds every offender."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda p: (p.file, p.line, p.field)))
        count = len(self.problems)
        super().__init__(
            "\n".join([f"{count} problem{'s' * (count != 1)} in the declarations:", *map(str, self.problems)])
        )


def load(folder: Path | None = None) -> model.Estate:
    """Read `folder/<environment>/*.yaml`; by default the folder that PORTCULLIS_DECLARATIONS names, else
    `policies/access`. Raises DeclarationError naming every offender, and when there is nothing."""
    folder = folder or Path(os.environ.get("PORTCULLIS_DECLARATIONS") or ACCESS)
    problems: list[Problem] = []
    found: dict[str, list[Any]] = {kind: [] for kind in _BUILDERS}
    files = sorted(folder.rglob("*.yaml"))
    if not files:
        # An empty estate would delete everything declared and write an open gate.
        nothing = Problem(str(folder), 1, "", "holds no declaration", "run from a complete checkout")
        raise DeclarationError([nothing])
    for file in files:
        relative = str(file.relative_to(folder.parent.parent) if folder == ACCESS else file.relative_to(folder))
        item = _read(file, folder, relative, problems)
        if item is not None:
            found[type(item).__name__].append(item)
    for stray in sorted(folder.rglob("*.yml")):
        problems.append(Problem(str(stray.relative_to(folder)), 1, "", "is not read", "rename it to .yaml"))
    estate = model.Estate(*(tuple(found[kind]) for kind in _BUILDERS))
    problems.extend(_references(estate))
    if problems:
        raise DeclarationError(problems)
    return estate


def seconds(duration: str) -> int:
    """`90s`, `30m`, `12h`, `30d` to whole seconds; the schema has checked the form."""
    return int(duration[:-1]) * _UNITS[duration[-1]]


def _read(file: Path, folder: Path, name: str, problems: list[Problem]) -> Any | None:
    def refuse(line: int, field: str, message: str, remedy: str) -> None:
        problems.append(Problem(name, line, field, message, remedy))

    try:
        environment = model.Environment(str(file.parent.relative_to(folder)))
    except ValueError:
        refuse(
            1, "", f"{str(file.parent.relative_to(folder))!r} is no environment", "put it under production/ or staging/"
        )
        return None
    if file.is_symlink():
        refuse(1, "", "is a symbolic link", "commit the file itself")
        return None
    try:
        document = parse(file.read_bytes().decode("utf-8"))
    except Refused as refused:
        refuse(refused.line, "", refused.message, refused.remedy)
        return None
    except UnicodeDecodeError:
        refuse(1, "", "is not UTF-8", "save it as UTF-8")
        return None
    except OSError as error:
        refuse(1, "", f"cannot be read: {error.strerror}", "make it a readable file")
        return None
    kind = document.data.get("kind") if isinstance(document.data, dict) else None
    if not isinstance(kind, str) or kind not in _BUILDERS:
        refuse(document.line(("kind",)), "kind", f"{kind!r} is no kind", f"one of {', '.join(_BUILDERS)}")
        return None
    errors = list(_validator(kind).iter_errors(document.data))
    for violation in errors:
        for leaf in _leaves(violation):
            path = tuple(leaf.absolute_path)
            remedy = str(leaf.schema.get("description") or "see policies/declaration.schema.json")
            refuse(document.line(path), ".".join(map(str, path)), leaf.message, remedy)
    if errors:
        return None
    source = model.Source(name, document.line(("metadata", "name")))
    return _BUILDERS[kind](document.data["metadata"]["name"], environment, document.data["spec"], source)


def _leaves(error: Any) -> list[Any]:
    """Under `oneOf`, speak of the branch that was meant: the one whose `kind` matches."""
    if error.validator != "oneOf":
        return [error]
    branches: dict[int, list[Any]] = {}
    for sub in error.context:
        branches.setdefault(sub.schema_path[0], []).append(sub)
    meant = [subs for subs in branches.values() if not any(s.validator == "const" for s in subs)]
    return meant[0] if meant else [error]


@cache
def _validator(kind: str) -> Any:
    from jsonschema import Draft202012Validator

    schema = json.loads(SCHEMA.read_text())
    return Draft202012Validator({"$ref": f"#/$defs/{kind}", "$defs": schema["$defs"]})


def _ttl(spec: dict[str, str]) -> model.Ttl:
    return model.Ttl(seconds(spec["default"]), seconds(spec["max"]))


def _claims(spec: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(spec.items()))


def _secret(spec: dict[str, str]) -> model.KvSecret | model.DatabaseSecret:
    if spec["kind"] == model.SecretKind.KV:
        return model.KvSecret(spec["mount"], spec["path"])
    return model.DatabaseSecret(spec["mount"], spec["role"], spec["connection"], model.DatabaseGrant(spec["grant"]))


def _policy(name: str, env: model.Environment, spec: dict[str, Any], source: model.Source) -> model.SecretAccessPolicy:
    upstream = spec.get("upstream")
    return model.SecretAccessPolicy(
        name=name,
        environment=env,
        description=spec["description"],
        owner=spec["owner"],
        tier=model.Tier(spec["tier"]),
        secret=_secret(spec["secret"]),
        grants=tuple(
            model.Grant(g["workload"], tuple(model.Capability(c) for c in g["capabilities"])) for g in spec["grants"]
        ),
        ttl=_ttl(spec["ttl"]),
        incident_ttl=seconds(spec["incident"]["ttl"]),
        incident_access=model.IncidentAccess(spec["incident"]["access"]),
        rotation=model.RotationMethod(spec["rotation"]["method"]),
        rotation_period=seconds(spec["rotation"]["period"]),
        upstream=model.Upstream(upstream["name"], upstream["account"]) if upstream else None,
        source=source,
    )


_BUILDERS: dict[str, Callable[[str, model.Environment, dict[str, Any], model.Source], Any]] = {
    "SecretAccessPolicy": _policy,
    "Mount": lambda _name, env, s, src: model.Mount(s["path"], env, model.MountType(s["type"]), _ttl(s["ttl"]), src),
    "DatabaseConnection": lambda name, env, s, src: model.DatabaseConnection(
        name, env, s["mount"], s["urlEnv"], s["username"], s["passwordEnv"], s["containmentUrlEnv"], src
    ),
    "Workload": lambda name, env, s, src: model.Workload(
        name,
        env,
        s["owner"],
        model.AuthMethod(s["auth"]),
        _ttl(s["ttl"]),
        model.TokenType(s.get("tokens", model.TokenType.SERVICE)),
        _claims(s.get("boundClaims", {})),
        src,
    ),
    "CiRole": lambda name, env, s, src: model.CiRole(
        name, env, s["owner"], s["repository"], _claims(s["boundClaims"]), _ttl(s["ttl"]), tuple(s["secrets"]), src
    ),
    "Repository": lambda name, env, s, src: model.Repository(
        name,
        env,
        s["owner"],
        s["defaultBranch"],
        s["control"],
        tuple(s["mergers"]),
        s["requiredApprovals"],
        tuple(model.ActionsSecret(a["name"], a["secret"]) for a in s["actionsSecrets"]),
        tuple(s.get("deployKeys", ())),
        src,
    ),
}


def _references(estate: model.Estate) -> list[Problem]:
    """What no schema can say: names that must be unique or exist, and bounds between fields."""
    problems: list[Problem] = []

    def refuse(item: Any, field: str, message: str, remedy: str) -> None:
        problems.append(Problem(item.source.file, item.source.line, field, message, remedy))

    for group in (
        estate.secrets,
        estate.mounts,
        estate.connections,
        estate.workloads,
        estate.ci_roles,
        estate.repositories,
    ):
        seen: set[str] = set()
        for item in group:
            if item.name in seen:
                refuse(item, "metadata.name", f"{item.name!r} is declared twice", "rename one")
            seen.add(item.name)
    mounts = {m.name: m for m in estate.mounts}
    connections = {c.name: c for c in estate.connections}
    workloads = {w.name: w for w in estate.workloads}
    for role in estate.ci_roles:
        if role.name in workloads:
            refuse(role, "metadata.name", f"{role.name!r} is a workload too", "rename one: both are login roles")
    for connection in estate.connections:
        mount = mounts.get(connection.mount)
        if mount is None or mount.type is not model.MountType.DATABASE:
            refuse(connection, "spec.mount", f"no database mount {connection.mount!r}", "declare the Mount")
        elif mount.environment is not connection.environment:
            refuse(
                connection, "spec.mount", f"{connection.mount!r} is {mount.environment}", "use its own environment's"
            )
    timed_items: list[model.SecretAccessPolicy | model.Mount | model.Workload | model.CiRole] = [
        *estate.secrets,
        *estate.mounts,
        *estate.workloads,
        *estate.ci_roles,
    ]
    for timed in timed_items:
        if timed.ttl.default > timed.ttl.max:
            refuse(timed, "spec.ttl", "default exceeds max", "lower the default")
    repositories = {r.name for r in estate.repositories}
    places: dict[tuple[str, str], str] = {}
    for policy in estate.secrets:
        secret = policy.secret
        wanted = model.MountType.KV if isinstance(secret, model.KvSecret) else model.MountType.DATABASE
        mount = mounts.get(secret.mount)
        if mount is None or mount.type is not wanted:
            refuse(policy, "spec.secret.mount", f"no {wanted} mount {secret.mount!r}", "declare the Mount")
        elif mount.environment is not policy.environment:
            refuse(policy, "spec.secret.mount", f"{secret.mount!r} is {mount.environment}", "use its own environment's")
        if isinstance(secret, model.DatabaseSecret):
            used = connections.get(secret.connection)
            if used is None:
                refuse(policy, "spec.secret.connection", f"no connection {secret.connection!r}", "declare it")
            elif used.mount != secret.mount:
                refuse(
                    policy, "spec.secret.connection", f"{used.name!r} is on mount {used.mount!r}", "name that mount's"
                )
        place = (secret.mount, secret.path if isinstance(secret, model.KvSecret) else secret.role)
        if place in places:
            refuse(policy, "spec.secret", f"{'/'.join(place)} already belongs to {places[place]!r}", "one owner a path")
        places[place] = policy.name
        for index, grant in enumerate(policy.grants):
            workload = workloads.get(grant.workload)
            if workload is None:
                refuse(policy, f"spec.grants.{index}.workload", f"no workload {grant.workload!r}", "declare it")
            elif workload.environment is not policy.environment:
                refuse(
                    policy, f"spec.grants.{index}.workload", f"{grant.workload!r} is {workload.environment}", "split it"
                )
        if policy.incident_ttl > model.INCIDENT_TTL_LIMIT:
            refuse(policy, "spec.incident.ttl", "longer than 30m", "30m or less")
        if policy.rotation is model.RotationMethod.EXCHANGE_KEY and policy.upstream is None:
            refuse(policy, "spec.upstream", "missing for an exchange key", "name where it is disabled")
        leased = policy.rotation is model.RotationMethod.DATABASE_LEASE
        if leased and policy.kind is not model.SecretKind.DATABASE:
            refuse(policy, "spec.rotation.method", "a KV secret has no leases", "exchange-key or manual")
    for workload in estate.workloads:
        if workload.auth is model.AuthMethod.JWT and not workload.bound_claims:
            refuse(workload, "spec.boundClaims", "missing for a JWT workload", "bind at least one claim")
        if workload.auth is model.AuthMethod.APPROLE and workload.bound_claims:
            refuse(workload, "spec.boundClaims", "AppRole checks no claims", "remove them, or use jwt")
    secrets = {p.name: p for p in estate.secrets}
    copied = {a.secret for r in estate.repositories for a in r.actions_secrets}
    for policy in estate.secrets:
        if not policy.grants and policy.name not in copied:
            refuse(policy, "spec.grants", "nobody may use it", "grant it to a workload or name it in a repository")
    for repository in estate.repositories:
        for index, copy in enumerate(repository.actions_secrets):
            field, source = f"spec.actionsSecrets.{index}", secrets.get(copy.secret)
            if source is None or source.kind is not model.SecretKind.KV:
                refuse(repository, f"{field}.secret", f"no KV secret {copy.secret!r}", "declare it")
            elif source.environment is not repository.environment:
                refuse(repository, f"{field}.secret", f"{copy.secret!r} is {source.environment}", "use its own")
            if copy.name in {c.name for c in repository.actions_secrets[:index]}:
                refuse(repository, f"{field}.name", f"{copy.name!r} is declared twice", "one secret a name")
    for role in estate.ci_roles:
        if role.repository not in repositories:
            refuse(role, "spec.repository", f"no repository {role.repository!r}", "declare it")
        for name in role.secrets:
            if name not in secrets:
                refuse(role, "spec.secrets", f"no SecretAccessPolicy {name!r}", "declare it")
            elif secrets[name].environment is not role.environment:
                refuse(role, "spec.secrets", f"{name!r} is {secrets[name].environment}", "use its own environment's")
    return problems
