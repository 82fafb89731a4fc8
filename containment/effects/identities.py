"""Leaked AppRole identities: entity disabled, secret_ids destroyed. A replaced one is left alone, and so is a secret_id
that a rotation made since it was denied in each incident: it waits for the proof of another one."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

from containment import names
from containment.incidents.replacements import made, reference
from containment.incidents.scope import Affected
from containment.ports import Vault
from containment.report import Outcome
from containment.run import Run, Seen
from policies.model import AuthMethod


def disable(run: Run) -> None:
    vault = run.systems.vault

    def disable_entity(name: str) -> Seen:
        role = vault.read(f"auth/{names.APPROLE}/role/{name}/role-id")
        if role is None:
            return Outcome.ALREADY, "the role is gone, and no login by it"
        entity = vault.entity_of(role["role_id"], names.APPROLE)
        if entity is None:
            return Outcome.ALREADY, "has never logged in"
        path = f"identity/entity/id/{entity}"
        if (vault.read(path) or {}).get("disabled"):
            return Outcome.ALREADY, "disabled"
        vault.write(path, {"disabled": True})
        return (Outcome.DONE, "disabled") if (vault.read(path) or {}).get("disabled") else (Outcome.FAILED, "still on")

    def destroy(name: str) -> Seen:
        new = made(f"workload:{name}", run.incidents, run.estate)
        return destroy_secret_ids(vault, f"auth/{names.APPROLE}/role/{name}", new)

    leaked = by_secret_id(run.affected)
    run.each("entity disabled", [(n, partial(disable_entity, n)) for n in leaked])
    run.each("secret_ids destroyed", [(n, partial(destroy, n)) for n in leaked])


def by_secret_id(affected: Affected) -> list[str]:
    """Names of those that leaked and are not replaced."""
    return [w.name for w in affected.unreplaced_workloads if w.auth is AuthMethod.APPROLE]


def destroy_secret_ids(vault: Vault, role: str, new: Collection[str] = ()) -> Seen:
    """`role`: its path; `new`: references of those that stay. The server ends every secret_id with its role, and makes
    an error of asking for those of one that is gone."""
    if vault.read(role) is None:
        return Outcome.ALREADY, "the role is gone, and every secret_id with it"

    def old() -> list[str]:
        return [a for a in vault.keys(f"{role}/secret-id") if reference(a) not in new]

    accessors = old()
    for accessor in accessors:
        vault.write(f"{role}/secret-id-accessor/destroy", {"secret_id_accessor": accessor})
    left = old()
    if left:
        return Outcome.FAILED, f"{len(left)} secret_ids left"
    return (Outcome.DONE, f"{len(accessors)} destroyed") if accessors else (Outcome.ALREADY, "none")
