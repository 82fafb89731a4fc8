"""What this stack does not declare, and a lock-down locked all the same: another environment's, which is another
stack's. Looked at when a lift ends, since that one's Pulumi takes back nothing of which its state does not know."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from containment import names
from containment.adapters.github import GithubHost
from containment.compiled import gate, logins
from containment.incidents.incident import Incident, State
from containment.incidents.scope import affected
from containment.ports import Vault
from containment.run import WORKERS
from policies.model import CiRole, Workload
from stacks.access import Context, chosen


def still_locked(vault: Vault, context: Context, lifting: Incident) -> list[str]:
    """In peace: policies and logins of identities, and repositories, that this stack leaves to others. Raises
    Unreachable or InputError."""
    from stacks import github

    ours = chosen(context)
    repositories = tuple(r for r in context.estate.repositories if r not in ours.repositories)
    then = affected(context.estate, (replace(lifting, state=State.OPEN),))
    identities = [i for i in logins.identities(context.estate) if i not in logins.identities(ours)]

    def locked(identity: Workload | CiRole) -> list[str]:
        policy, role = names.own_policy(identity), names.login_role(identity)
        peace, shut = (gate.own_policy(identity, context.estate, now) for now in (context.affected, then))
        found = [policy] if peace != shut and vault.read_policy(policy) == shut else []
        off = isinstance(identity, CiRole) and names.CI_OFF_CLAIM in (
            (vault.read(role) or {}).get("bound_claims") or {}
        )
        return [*found, role] if off else found

    with ThreadPoolExecutor(WORKERS) as pool:
        found = [one for some in pool.map(locked, identities) for one in some]
    left = github.still_locked(repositories, GithubHost.from_environment()) if repositories else []
    return [*found, *(one for one in left if not (ours.repositories and one == github.ORGANIZATION))]
