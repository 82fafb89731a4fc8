"""Declarations on disk to the typed model. Reports every offender at once, each with file, line, field and remedy."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from policies import fields, model, references
from policies.document import MAX_BYTES, Problem, Refused, parse
from policies.errors import InputError
from policies.plain import plain

if TYPE_CHECKING:
    from jsonschema_rs import Draft202012Validator, ValidationError

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
    `policies/access`. No symbolic link is followed, the folder itself being one included: what is read is what was
    reviewed. Raises DeclarationError naming every offender, and when there is nothing."""
    estate, problems = read(folder or default_folder())
    if problems:
        raise DeclarationError(problems)
    return estate


def default_folder() -> Path:
    return Path(os.environ.get("PORTCULLIS_DECLARATIONS") or ACCESS)


def called(file: Path, folder: Path) -> str:
    """What a file of the folder is called wherever it is named to a person: in a checkout, this one or another, as the
    repository has it."""
    ours = folder.parts[-2:] == ACCESS.parts[-2:]
    return str(file.relative_to(folder.parent.parent) if ours else file.relative_to(folder))


def read(folder: Path) -> tuple[model.Estate, list[Problem]]:
    """As `load`: what did load, and every offender. Raises DeclarationError when there is nothing."""
    problems: list[Problem] = []
    unread: set[tuple[str, str]] = set()
    found: dict[str, list[Any]] = {kind: [] for kind in _BUILDERS}
    if folder.is_symlink():
        remedy = "commit the folder itself, or name the one that it leads to"
        raise DeclarationError([Problem(str(folder), 1, "", "is a symbolic link", remedy)])
    for link in sorted(path for path in folder.rglob("*") if path.is_symlink()):
        problems.append(Problem(called(link, folder), 1, "", "is a symbolic link", "commit what it leads to"))
    files = sorted(file for file in folder.rglob("*.yaml") if not file.is_symlink())
    if not files and not problems:
        # An empty estate would delete everything declared and write an open gate.
        nothing = Problem(str(folder), 1, "", "holds no declaration", "run from a complete checkout")
        raise DeclarationError([nothing])
    for file in files:
        item = _read(file, folder, called(file, folder), problems, unread)
        if item is not None:
            found[type(item).__name__].append(item)
    for stray in sorted(folder.rglob("*.yml")):
        problems.append(Problem(str(stray.relative_to(folder)), 1, "", "is not read", "rename it to .yaml"))
    estate = model.Estate(*(tuple(found[kind]) for kind in _BUILDERS))
    problems.extend(references.problems(estate, unread))
    return estate, problems


def seconds(duration: str) -> int:
    """`90s`, `30m`, `12h`, `30d` to whole seconds; the schema has checked the form."""
    return int(duration[:-1]) * _UNITS[duration[-1]]


def _bounded(file: Path) -> bytes:
    """Of a file that is too long no more is read than shows it, and of a pipe nothing."""
    if not file.is_file():
        raise OSError(errno.EINVAL, "it is no regular file")
    with file.open("rb") as opened:
        content = opened.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise Refused(1, f"larger than {MAX_BYTES} bytes", "split it: one object a file")
    return content


def _read(file: Path, folder: Path, name: str, problems: list[Problem], unread: set[tuple[str, str]]) -> Any | None:
    def refuse(line: int, field: str, message: str, remedy: str) -> None:
        problems.append(Problem(name, line, field, message, remedy))

    if not name.isprintable():
        refuse(1, "", "its name has a character that is not seen, or is not UTF-8", "rename it")
        return None
    try:
        environment = model.Environment(str(file.parent.relative_to(folder)))
    except ValueError:
        refuse(
            1, "", f"{str(file.parent.relative_to(folder))!r} is no environment", "put it under production/ or staging/"
        )
        return None
    try:
        document = parse(_bounded(file).decode("utf-8"))
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
        refuse(fields.line(document.lines, "kind"), "kind", f"{kind!r} is no kind", f"one of {', '.join(_BUILDERS)}")
        return None
    violations = [leaf for error in _validator(kind).iter_errors(document.data) for leaf in _leaves(error)]
    for violation in violations:
        field = fields.named(violation.instance_path)
        for unknown in getattr(violation.kind, "unexpected", ()):
            own = fields.below(field, unknown)
            refuse(fields.line(document.lines, own), plain(own), "no such field", _MISSPELT)
        if not hasattr(violation.kind, "unexpected"):
            refuse(fields.line(document.lines, field), field, plain(_message(violation)), _remedy(violation))
    if violations:
        group, key = ("spec", "path") if kind == "Mount" else ("metadata", "name")
        named = document.data.get(group)
        unread.add((kind, str(named.get(key)) if isinstance(named, dict) else ""))
        return None
    source = model.Source(name, fields.line(document.lines, "metadata.name"), document.lines)
    return _BUILDERS[kind](document.data["metadata"]["name"], environment, document.data["spec"], source)


def _leaves(error: ValidationError) -> list[ValidationError]:
    """Under `oneOf`, speak of the branch that was meant: the one whose `kind` matches."""
    if error.kind.name != "oneOf":
        return [error]
    branches: list[list[ValidationError]] = getattr(error.kind, "context")  # noqa: B009 - of this kind only
    meant = [branch for branch in branches if not any(e.kind.name == "const" for e in branch)]
    return meant[0] if meant else [error]


_MISSPELT = "mend its name, or remove it"


def _message(error: ValidationError) -> str:
    """Its own, which hides some of the values that there are behind a number."""
    if error.kind.name != "enum":
        return error.message
    return f"{error.instance!r} is none of {', '.join(map(str, getattr(error.kind, 'options')))}"  # noqa: B009 - as above


def _remedy(error: ValidationError) -> str:
    """What the schema says of the field."""
    found: Any = _schema()
    for part in error.schema_path[:-1]:
        found = found[part]
    return str(found.get("description") or "see policies/declaration.schema.json")


@cache
def _schema() -> Any:
    return json.loads(SCHEMA.read_text())


@cache
def _validator(kind: str) -> Draft202012Validator:
    from jsonschema_rs import Draft202012Validator

    return Draft202012Validator({"$ref": f"#/$defs/{kind}", "$defs": _schema()["$defs"]})


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


def _protection(said: dict[str, Any]) -> model.Protection:
    return model.Protection(
        said.get("enforceAdmins", False),
        tuple(said.get("requiredChecks", ())),
        said.get("codeOwnerReviews", False),
        said.get("lastPushApproval", False),
        tuple(said.get("pushers", ())),
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
        _protection(s.get("protection", {})),
        tuple(s.get("rulesets", ())),
        tuple(s.get("otherSecrets", ())),
    ),
}
