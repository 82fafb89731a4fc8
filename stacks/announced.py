"""What an update would do beyond the resources that a preview lists, by name, as the lock-down's effects choose it."""

from __future__ import annotations

from collections.abc import Iterator

from containment import former
from containment.adapters.vault import HvacVault
from containment.effects import database, former_logins, identities, issuance, upstream, workflows
from containment.incidents.decide import Decision
from containment.report import few, unresolved
from containment.repository import settings
from containment.run import Run
from containment.systems import from_environment
from policies.errors import PortcullisError, Unanswered
from policies.model import Repository, SecretAccessPolicy, Upstream
from stacks import told
from stacks.access import Context


def named_again(decision: Decision) -> str:
    words = decision.named_again
    return f"{few(list(words))}: {next(iter(words.values()))}" if words else ""


def tell(vault: HvacVault, context: Context, decision: Decision) -> None:
    """Reads only. Raises Unreachable when the vault gives no answer; another system that gives none is named."""
    if decision.current is None:
        return
    a, incidents = context.affected, context.incidents
    for words in filter(None, (decision.current.notice, named_again(decision))):
        told.warn(words)
    told.info(
        f"incident {decision.current.id}: deny {_counted(len(a.denied) + len(a.denied_class), 'secret')}, quarantine "
        f"{len(a.secrets)} while tokens and leases of {_counted(len(a.workloads), 'workload')} are revoked, switch off "
        f"{_counted(len(a.ci_roles), 'CI role')}; nothing is touched by a preview"
    )
    systems, before = from_environment(vault, context.estate), former.read(vault)
    run = Run(systems, context.estate, incidents, decision.current, _unheard, a, former=before)
    for what, found in _would(run):
        if found:
            told.info(f"would {what}: {few(found)}")
    for words in dict.fromkeys(_by_hand(run)):
        told.warn(words)
    for failed in unresolved(run.effects):
        told.warn(f"not looked at: {failed.target}: {failed.detail}")
    try:
        capped = issuance.to_cap(vault, context.estate, incidents)
    except Unanswered:
        raise
    except PortcullisError as error:
        told.warn(f"not looked at: which TTLs are capped: {error}")
        return
    for cap, wrong in capped:
        was = ", ".join(f"{k} {cap.peace[k]} -> {cap.incident[k]} s" if k.endswith("ttl") else k for k in wrong)
        told.info(f"cap {cap.path}: {was}")


def _would(run: Run) -> Iterator[tuple[str, list[str]]]:
    a = run.affected
    yield "deny", list(dict.fromkeys(s.name for s in (*a.denied, *a.denied_class)))
    yield "disable keys", [_keys(run, secret, at) for secret, at in upstream.old(run)]
    yield "disable the entity and destroy the secret_ids", identities.by_secret_id(a)
    yield "switch off the login", [w.name for w in issuance.by_jwt(a)]
    yield "switch off the CI role", [c.name for c in a.ci_roles]
    yield "switch off the login of the control repository's jobs", issuance.jobs(run)
    yield "end a login that is declared nowhere", _former(run)
    yield "revoke tokens", [w.name for w in a.workloads]
    yield "end database sessions, leases and users", [name for name, _ in database.roles(run)]
    yield "lock branches and tags", [_locked(r) for r in a.repositories]
    shut = workflows.shut(a.repositories)
    yield "switch off Actions", [*shut, workflows.ORGANIZATION] if a.repositories else []
    yield "cancel workflow runs", workflows.cancelled(a)
    yield "remove deploy keys", [r.name for r in a.leaked_repositories]


def _keys(run: Run, secret: SecretAccessPolicy, at: Upstream) -> str:
    beside = "" if run.affected.is_denied(secret) else ", all but the new one"
    return f"{secret.name} (account {at.account} at {at.name}{beside})"


def _former(run: Run) -> list[str]:
    falls = former_logins.falling(run)
    try:
        return [role.path for role in former_logins.look(run.systems.vault, run.estate) if falls(role)]
    except PortcullisError as error:
        run.fail("former login ended", "every login role", error)
        return []


def _locked(repository: Repository) -> str:
    beside = [ref for ruleset in settings(repository, locked=True).rulesets for ref in ruleset.exclude]
    return f"{repository.name} (beside {', '.join(beside)})" if beside else repository.name


def _by_hand(run: Run) -> Iterator[str]:
    manual = [(s.name, s.upstream) for s in run.affected.denied if s.upstream and not s.key_issuer]
    if manual:
        listed = few([f"{name} (account {at.account} at {at.name})" for name, at in manual])
        yield f"by hand, since nothing here disables it: {listed}"
    for secret, at in upstream.issued(run.affected):
        try:
            if words := upstream.by_hand(run, secret, at):
                yield words
        except PortcullisError as error:
            yield f"which keys of account {at.account} at {at.name} are live is not looked at: {error}"


def _unheard(_: str) -> None:
    """What a look fails at is told of at its end."""


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
