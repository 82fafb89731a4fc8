"""What differs from the declarations: Pulumi's own refresh for what it manages, and lists of the rest."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from access import login_methods
from containment import names
from containment.effects import issuance
from containment.incidents import lost
from containment.ports import CodeHost, Seen, Vault
from containment.run import WORKERS
from containment.undeclared import seen
from policies.errors import InputError, PortcullisError, Unanswered, Unreachable
from policies.model import Estate, MountType, Repository
from rotation.drift import contents
from rotation.drift.unmanaged import RepositoryHolds, Unmanaged, VaultHolds, in_vault, on_repository, secrets_of
from rotation.evidence.redaction import redact

ROOT = Path(__file__).resolve().parents[2]
_NO_CHANGE = {"same", "refresh", "read"}
_DRIFT = 7
"""Exit code of `pulumi preview --expect-no-changes` when something would change."""

_Found: TypeAlias = tuple[list[str], list[str]]
"""What is changed, and what is declared nowhere."""

_Last: TypeAlias = tuple[Seen, Mapping[str, int]]

_TOLD = 600
"""Characters of what Pulumi said; a line that is longer stays whole."""


@dataclass(frozen=True, slots=True)
class Drift:
    """`changed`: what Pulumi would change back, roles that an open incident caps and the server does not, and what is
    ours by name and not by content.
    `unmanaged`: what is declared nowhere. `unread`: systems that could not be read, and
    of which nothing is known."""

    changed: tuple[str, ...]
    unmanaged: tuple[str, ...]
    unread: tuple[str, ...]

    @property
    def exit_code(self) -> int:
        return 3 if self.unread else 1 if self.changed or self.unmanaged else 0


def drift(estate: Estate, vault: Vault, code_host: Callable[[], CodeHost], stack: str, config: Path) -> Drift:
    """Reads only. A system that cannot be read is named and the others are read all the same. The vault is asked first:
    of one that does not answer, Pulumi's provider would go on asking for minutes."""
    of_vault: dict[str, Callable[[], _Found]] = {
        "pulumi": lambda: (preview(stack, config), []),
        "incident caps": lambda: (
            [f"uncapped {path}" for path in issuance.uncapped(vault, estate, lost.look(vault)[0])],
            [],
        ),
        "vault contents": lambda: (contents.changed(vault, estate), []),
        "vault": lambda: (
            [],
            [str(u) for u in in_vault(_vault(vault, estate), estate, lost.look(vault)[0], vault.now())],
        ),
        "audit devices": lambda: (_audit_devices(vault, _known(last)), []),
    }
    changed: list[str] = []
    unmanaged: list[str] = []
    unread: list[str] = []
    begun: dict[str, Future[_Found]] = {}
    with ThreadPoolExecutor(len(of_vault) + 4) as pool:
        last = pool.submit(_last_apply, vault)
        apart = {
            "github": pool.submit(lambda: _github(code_host(), estate, _known(last))),
            "environments": pool.submit(lambda: _environments(code_host(), estate, _known(last))),
            "actions secrets": pool.submit(lambda: _actions_secrets(code_host(), estate)),
        }
        try:
            _answered(vault)
            begun = {name: pool.submit(read) for name, read in of_vault.items()}
        except Unanswered as error:
            unread = [f"{name}: {error}" for name in of_vault]
        for name, future in {**begun, **apart}.items():
            try:
                differing, undeclared = future.result()
            except PortcullisError as error:
                unread.append(f"{name}: {error}")
            else:
                changed += differing
                unmanaged += undeclared
        try:
            last.result()
        except PortcullisError as error:
            unread.append(f"last apply: {error}")
    return Drift(tuple(changed), tuple(unmanaged), tuple(unread))


def _answered(vault: Vault) -> None:
    """Raises Unanswered. A refusal is an answer: whatever is refused tells of it."""
    try:
        vault.whoami()
    except Unanswered:
        raise
    except Unreachable:
        pass


def preview(stack: str, config: Path) -> list[str]:
    """What `pulumi up` would change, by type, name and property; no value. Raises Unreachable with Pulumi's words.

    `incident` is `keep` whatever the stack file says: what is in force is not drift. The settings go to a copy, since
    Pulumi writes them down.
    """
    if shutil.which("pulumi") is None:
        raise InputError('pulumi is not on PATH; eval "$(portcullis sandbox env)" or `portcullis tools install`')
    if not config.is_file():
        raise InputError(f"{config}: no such stack settings")
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / config.name
        shutil.copyfile(config, copy)
        argv = ["pulumi", "preview", "--refresh", "--expect-no-changes", "--non-interactive", "--json"]
        argv += ["--stack", stack, "--config-file", str(copy)]
        for setting in ("incident=keep", "incidentId=", "incidentScope="):
            argv += ["--config", setting]
        code, out, err = _run(argv)
    try:
        answer = json.loads(out)
    except ValueError:
        raise Unreachable(f"pulumi preview exited {code}: {_last(redact(err))}") from None
    changes = [_named(s) for s in answer.get("steps", []) if s["op"] not in _NO_CHANGE]
    if code not in (0, _DRIFT) or (code == _DRIFT) != bool(changes):
        errors = [d["message"].strip() for d in answer.get("diagnostics", []) if d["severity"] == "error"]
        raise Unreachable(f"pulumi preview exited {code}: {_last(redact(chr(10).join(errors)))}")
    return sorted(changes)


def _last(text: str) -> str:
    """The last whole lines that fit, at least one; what went before them is an ellipsis."""
    lines = text.strip().splitlines()
    kept = lines[-1:]
    while len(kept) < len(lines) and sum(map(len, kept)) + len(lines[-len(kept) - 1]) <= _TOLD:
        kept = lines[-len(kept) - 1 :]
    return "\n".join(kept if len(kept) == len(lines) else ["…", *kept])


def _run(argv: list[str]) -> tuple[int, str, str]:
    """In a process group of its own, so that an interrupt ends the plugins too."""
    with subprocess.Popen(
        argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=0
    ) as child:
        try:
            out, err = child.communicate()
        except BaseException:
            os.killpg(child.pid, signal.SIGTERM)
            raise
    return child.returncode, out, err


def _named(step: dict[str, Any]) -> str:
    kind, name = step["urn"].split("::")[-2:]
    properties = ", ".join(sorted(step.get("detailedDiff") or step.get("diffReasons") or ()))
    return f"{step['op']} {kind.rpartition('$')[2]} {name}" + (f" ({properties})" if properties else "")


def _vault(vault: Vault, estate: Estate) -> VaultHolds:
    def typed(path: str) -> dict[str, str]:
        return {name.rstrip("/"): str(m["type"]) for name, m in (vault.read(path) or {}).items()}

    mounts, methods = typed("sys/mounts"), typed("sys/auth")
    databases = [m.name for m in estate.mounts if m.type is MountType.DATABASE and m.name in mounts]
    return VaultHolds(
        policies=tuple(vault.keys("sys/policies/acl")),
        mounts=mounts,
        methods=methods,
        auth_roles={
            **{m: tuple(_roles(vault, m, methods[m])) for m in (names.APPROLE, names.JWT) if m in methods},
            "token": tuple(vault.keys("auth/token/roles")),
        },
        database_roles={m: tuple(vault.keys(f"{m}/roles")) for m in databases},
        connections={m: tuple(vault.keys(f"{m}/config")) for m in databases},
        entity_policies={e["name"]: tuple(e["policies"] or ()) for e in _identities(vault, "entity")},
        groups=tuple(g["name"] for g in _identities(vault, "group")),
        namespaces=tuple(name.rstrip("/") for name in vault.keys(names.NAMESPACES)),
        limits={
            name: str((vault.read(f"{names.RATE_LIMITS}/{name}") or {}).get("path", ""))
            for name in vault.keys(names.RATE_LIMITS)
        },
    )


def _roles(vault: Vault, method: str, kind: str) -> Iterator[str]:
    """Names of those where declared ones are, and of all others with their folder."""
    for folder in login_methods.FOLDERS.get(kind, ()):
        for name in vault.keys(f"auth/{method}/{folder}"):
            yield name if folder == "role" else f"{folder}/{name}"


def _identities(vault: Vault, kind: str) -> list[dict[str, Any]]:
    """Entities or groups. A login makes an entity without a policy of its own; who gives it one widens access."""
    found = (vault.read(f"identity/{kind}/id/{key}") for key in vault.keys(f"identity/{kind}/id"))
    return [data for data in found if data is not None]


def _audit_devices(vault: Vault, last: _Last | None) -> list[str]:
    """Apart from what else the vault has: to list them is a right of its own."""
    found = seen.of_audit(vault)
    none = [] if found else [f"{seen.AUDIT.strip()} (none is enabled: nothing tells who did what)"]
    if last is None:
        return none
    return [*none, *seen.differing(found, last[0]), *seen.vanished(found, last[0], (seen.AUDIT,))]


def _github(host: CodeHost, estate: Estate, last: _Last | None) -> _Found:
    with ThreadPoolExecutor(WORKERS) as pool:
        found = list(pool.map(lambda repository: _repository(host, repository, last), estate.repositories))
    changed = [line for differing, _ in found for line in differing]
    unmanaged = [str(one) for _, more in found for one in more]
    if found and last is not None:
        changed += seen.differing(seen.of_organization(host), last[0])
    if found:
        unmanaged += [f"workflow permission the organization: {words}" for words in host.workflow_token().words]
    return changed, unmanaged


def _environments(host: CodeHost, estate: Estate, last: _Last | None) -> _Found:
    """Apart from what else GitHub has, as secrets' names are: to read them is a right of its own."""
    with ThreadPoolExecutor(WORKERS) as pool:
        held = list(pool.map(lambda repository: seen.of_repository_environments(host, repository), estate.repositories))
    found = {what: values for one in held for what, values in one.items()}
    if last is None:
        return [], []
    gone = seen.vanished(found, last[0], seen.environments_of(estate.repositories))
    return [*seen.differing(found, last[0]), *gone], []


def _actions_secrets(host: CodeHost, estate: Estate) -> _Found:
    """Apart from what else GitHub has: to see their names is a right of its own."""
    with ThreadPoolExecutor(WORKERS) as pool:
        held = list(pool.map(lambda repository: host.actions_secrets(repository.name), estate.repositories))
    found = list(zip(held, estate.repositories, strict=True))
    gone = [
        f"actions secret {repository.name}: {copy.name} (is gone: store it again, or take it out of actionsSecrets)"
        for names, repository in found
        for copy in repository.actions_secrets
        if copy.name.upper() not in {name.upper() for name in names}
    ]
    return gone, [str(one) for names, repository in found for one in secrets_of(names, repository)]


def _repository(host: CodeHost, repository: Repository, last: _Last | None) -> tuple[list[str], list[Unmanaged]]:
    name, keys = repository.name, host.deploy_keys(repository.name)
    holds = RepositoryHolds(
        tuple(host.branch_rules(name)),
        tuple(host.rulesets(name)),
        tuple(key.title for key in keys),
        host.workflow_token(name).words,
    )
    changed = []
    if (branch := host.default_branch(name)) != repository.default_branch:
        changed.append(f"default branch {name} ({branch}; declared is {repository.default_branch})")
    if last is not None:
        seen_then, ids = last
        if host.repository_id(name) != ids.get(name):
            changed.append(f"repository {name} ({'not the one that the last' if name in ids else 'no'} apply has seen)")
        found = {**seen.of_keys(repository, keys), **seen.of_openness(name, host.openness(name))}
        changed += seen.differing(found, seen_then)
    return changed, on_repository(holds, repository)


def _last_apply(vault: Vault) -> _Last:
    """What it saw, and the ids of the repositories; of a server without any, nothing."""
    return vault.seen() or {}, vault.repository_ids()


def _known(last: Future[_Last]) -> _Last | None:
    """None where it could not be read, which is told by itself: GitHub is listed all the same."""
    try:
        return last.result()
    except PortcullisError:
        return None
