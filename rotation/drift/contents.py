"""What is ours on the vault by name, and by content is not what the code would write. What Pulumi writes its own
refresh compares."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from functools import partial
from typing import Any, TypeAlias

from containment import names
from containment.compiled import logins, onboarding
from containment.compiled.held import wrong
from containment.compiled.locked import OFF_ROLE
from containment.incidents import lost
from containment.incidents.incident import Incident, State
from containment.ports import Vault
from containment.run import WORKERS
from containment.undeclared import seen
from policies.model import AuthMethod, Estate, MountType
from rotation.drift import connections, unmanaged, whole

_Judge: TypeAlias = Callable[[Mapping[str, Any] | None], list[str]]
_DEFAULT = "default"
_KEPT = f"{names.STORE}/data/compiled"
_LASTING = {"delete_version_after": "0s"}
_OF_MOUNTS = (
    *("default_lease_ttl", "max_lease_ttl", "force_no_cache", "user_lockout_config", "listing_visibility"),
    *("plugin_version", "plugin_name", "options", "trim_request_trailing_slashes"),
)
"""Of a mount's tuning what hides or widens nothing, or is Pulumi's."""
_PULUMIS = ("token_policies", "token_type", "token_ttl", "token_max_ttl")
"""Parameters of a login role that Pulumi writes, and with those of JWT roles compares."""
_PULUMIS_OF_JWT = (*_PULUMIS, "role_type", "user_claim", "bound_audiences", "bound_claims")


def changed(vault: Vault, estate: Estate) -> list[str]:
    """Each with what of it is wrong: parameters, or the paths of a policy's rules. Reads only."""
    readable, gone = lost.look(vault)
    locked = bool(gone) or any(incident.state is State.OPEN for incident in readable)
    judges = {
        **_policies(estate, locked, readable, vault.now()),
        **_token_roles(estate),
        **_logins(estate),
        **_stores(estate),
        **_connections(estate, os.environ),
    }
    judges |= _records(vault)
    off = _off(vault) if locked else set[str]()
    held = {path: digests for path, digests in seen.of_vault(vault).items() if path not in off}
    since = seen.differing(held, vault.seen() or {})
    kept = _kept(vault.compiled(), estate, locked)
    tuned = [line for listed in ("sys/mounts", "sys/auth") for line in _tuned(listed, vault.read(listed) or {})]
    with ThreadPoolExecutor(WORKERS) as pool:
        answers = pool.map(vault.read, [path for path, _ in judges.values()])
        found = zip(
            judges, (judge(held) for (_, judge), held in zip(judges.values(), answers, strict=True)), strict=True
        )
        unreadable = [f"record incidents/{one} (cannot be read, so nothing is opened)" for one in sorted(gone)]
        named = (f"{what} ({', '.join(wrong)})" for what, wrong in found if wrong)
        return [*named, *unreadable, *tuned, *kept, *since]


def _off(vault: Vault) -> set[str]:
    """Logins of the control repository's jobs that a lock-down has switched off."""
    return {path for path in seen.OWN_LOGINS if not wrong(vault.read(path) or {}, OFF_ROLE)}


def _policies(estate: Estate, locked: bool, incidents: Sequence[Incident], now: int) -> dict[str, tuple[str, _Judge]]:
    """In an incident its lock-down may be about to open the quarantine again: what denies only is its own. Policies of
    generations that `incidents` have closed are ours for as long as their tokens live, whatever tokens the workload
    gets by now."""
    judges: dict[str, _Judge] = {
        name: partial(whole.policy, wanted=text, denies=locked and name == names.QUARANTINE)
        for name, text in onboarding.policies(estate).items()
    }
    judges[_DEFAULT] = whole.default
    judges |= {name: whole.conditions for name in unmanaged.own_policies(estate, incidents, now) if name not in judges}
    return {f"policy {name}": (names.policy_path(name), judge) for name, judge in judges.items()}


def _token_roles(estate: Estate) -> dict[str, tuple[str, _Judge]]:
    return {
        f"token role {name}": (f"auth/token/roles/{name}", partial(whole.values, wanted=role, apart=("name",)))
        for name, role in onboarding.token_roles(estate).items()
    }


def _logins(estate: Estate) -> dict[str, tuple[str, _Judge]]:
    """Of declared roles what Pulumi writes nothing of, so that it sees nothing of it either; a role that is not there
    is Pulumi's to name."""
    roles: dict[str, tuple[str, _Judge]] = {}
    for identity in logins.identities(estate):
        approle = names.login_method(identity) == AuthMethod.APPROLE
        wanted = {"bind_secret_id": True} if approle else {}
        judge = partial(_there, wanted=wanted, apart=_PULUMIS if approle else _PULUMIS_OF_JWT)
        roles[f"auth role {names.login_method(identity)} {identity.name}"] = (names.login_role(identity), judge)
    own = {path: (f"auth role {names.JWT} {name}", partial(_own, name=name)) for path, name in seen.OWN_LOGINS.items()}
    return {**roles, **{what: (path, judge) for path, (what, judge) in own.items()}}


def _there(held: Mapping[str, Any] | None, wanted: Mapping[str, Any], apart: tuple[str, ...]) -> list[str]:
    return [] if held is None else whole.values(held, wanted, apart)


def _own(held: Mapping[str, Any] | None, name: str) -> list[str]:
    """The product's own policy and no other, and claims that say who: which is the administrator's to know."""
    wanted = {"token_policies": [name], "role_type": "jwt", "bound_audiences": [names.AUDIENCE]}
    apart = ("claim_mappings", *_PULUMIS_OF_JWT)
    unbound = held is not None and not held.get("bound_claims")
    return [*(["bound_claims"] if unbound else []), *_there(held, wanted, apart)]


def _stores(estate: Estate) -> dict[str, tuple[str, _Judge]]:
    """No value is to go by itself, and of the records of incidents every version stays."""
    wanted: dict[str, dict[str, Any]] = {m.name: _LASTING for m in estate.mounts if m.type is MountType.KV}
    wanted[names.STORE] = {**_LASTING, **onboarding.STORE_CONFIG}
    return {f"store {name}": (f"{name}/config", partial(_wrong, wanted=values)) for name, values in wanted.items()}


def _connections(estate: Estate, environ: Mapping[str, str]) -> dict[str, tuple[str, _Judge]]:
    return {
        f"database connection {one.mount} {one.name}": (
            f"{one.mount}/config/{one.name}",
            partial(connections.wrong, connection=one, estate=estate, environ=environ),
        )
        for one in estate.connections
    }


def _records(vault: Vault) -> dict[str, tuple[str, _Judge]]:
    """How the store keeps each of the product's own records, where somebody has set it: as for all of them else."""
    wanted = {**_LASTING, "max_versions": 0, "cas_required": False}
    listed = [f"{of}/{name}" for of in ("incidents", "evidence") for name in vault.keys(f"{names.STORE}/metadata/{of}")]
    return {
        f"record {name}": (f"{names.STORE}/metadata/{name}", partial(_wrong, wanted=wanted))
        for name in [*listed, "compiled"]
    }


def _wrong(held: Mapping[str, Any] | None, wanted: Mapping[str, Any]) -> list[str]:
    return [] if held is None else wrong(held, wanted)


def _tuned(listed: str, mounts: Mapping[str, Any]) -> list[str]:
    """What nobody asks for, such as values in plain in the audit log; the TTLs of a mount are Pulumi's to compare."""
    kind = {"sys/mounts": "mount", "sys/auth": "auth method"}[listed]
    found = []
    for name, mount in sorted(mounts.items()):
        wrong = whole.values(mount["config"], whole.HEADERS.get(mount["type"], {}), _OF_MOUNTS)
        found += [f"{kind} {name.rstrip('/')} ({', '.join(wrong)})"] if wrong else []
    return found


def _kept(held: Estate | None, estate: Estate, locked: bool) -> list[str]:
    """What a lock-down denies by before it reads a declaration. In an incident it stays as it was before."""
    if held is None:
        return [f"{_KEPT} (is gone, or another version's: a lock-down waits for the declarations; pulumi up writes it)"]
    other = [f.name for f in fields(Estate) if getattr(held, f.name) != getattr(estate, f.name)]
    return [f"{_KEPT} (not as declared: {', '.join(other)}; pulumi up writes it)"] if other and not locked else []
