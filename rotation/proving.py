"""Write a proof into the incident's record, and open the gate for what is replaced."""

from __future__ import annotations

import threading
from dataclasses import replace

from containment import names
from containment.compiled import gate
from containment.effects import foreign
from containment.incidents import proofs
from containment.incidents.incident import Incident, Proof
from containment.incidents.scope import affected
from containment.ports import Custodian
from containment.undeclared import ungated
from policies.model import KvSecret, Workload
from rotation.work import NotProven, Step, Work

_policies = threading.Lock()


def record(vault: Custodian, incident_id: str, item: str, kind: str, ok: bool, detail: str, of: str = "") -> None:
    """By the server's clock. A failure takes an earlier proof back."""
    proof = Proof(item, kind, vault.now(), ok, detail, of)
    vault.update_incident(incident_id, lambda incident: incident.with_proof(proof))


def proven(incident: Incident, item: str, kind: str) -> Proof | None:
    return next((p for p in incident.proofs if p.item == item and p.kind == kind and p.ok), None)


def open_step(work: Work) -> Step:
    """The last word on a credential: what is proven dead and alive is denied no longer."""
    item = work.credential.item

    def observe() -> bool:
        return item in work.incident().opened and not _stale(work)

    def act() -> None:
        incident = work.incident()
        missing = [k for k in (proofs.OLD_DEAD, proofs.NEW_ALIVE) if proven(incident, item, k) is None]
        if missing:
            raise NotProven(f"stays denied: {', '.join(missing)} is not proven")
        around = _around_the_gate(work)
        if around:
            raise NotProven(f"stays denied: {around}")
        work.vault.update_incident(
            work.incident_id, lambda i: i if item in i.opened else replace(i, opened=(*i.opened, item))
        )
        _rewrite(work)

    return Step("open", lambda: _opened(work), observe, act)


def _around_the_gate(work: Work) -> str:
    """Who would be handed the new one past the gate, or ""."""
    concerned = _concerned(work)
    if not concerned:
        return ""
    own = {names.own_policy(workload) for workload in concerned}
    looked = ungated.look(work.policy_store(), work.estate)
    found = {carrier.path: ungated.attached(carrier, concerned) for carrier in looked.found}
    around = [path for path, policies in found.items() if set(policies) & own or any("*" in p for p in policies)]
    untold = [str(carrier) for carrier in looked.found if carrier.computed]
    said = [*(f"around {names.GATE}, {one}: delete it" for one in untold)]
    said += [f"{path} hands out policies that grant it without {names.GATE}: delete it" for path in around]
    paths = list(names.denied_paths(work.secret())) if work.credential.item.startswith("secret:") else []
    others = foreign.granting(work.policy_store(), paths, work.estate) if paths else []
    return "; ".join([*said, *looked.unread, *(f"{one}: take that out of it, or delete it" for one in others)])


def _rewrite(work: Work) -> None:
    """Compile the policies from the open incidents until what was written is what they say: an incident that is opened
    meanwhile is on record before its gate is written, so it is never undone here."""
    with _policies:
        for _ in range(20):
            stale = _stale(work)
            if not stale:
                return
            for name, text in stale.items():
                work.policy_store().write_policy(name, text)
        raise NotProven("the gate is rewritten by others all the time")


def _stale(work: Work) -> dict[str, str]:
    """Text by name of the gate, and of the own policies of whom it concerns, where the server holds another."""
    impact = affected(work.estate, work.vault.incidents())
    wanted = {names.GATE: gate.gate(impact)}
    for workload in _concerned(work):
        wanted[names.own_policy(workload)] = gate.own_policy(workload, work.estate, impact)
    held = work.policy_store()
    return {name: text for name, text in wanted.items() if not held.holds_policy(name, text)}


def _concerned(work: Work) -> list[Workload]:
    """The workload that is replaced, or those that are granted the secret which is."""
    kind = work.credential.item.partition(":")[0]
    if kind == "workload":
        return [work.workload()]
    granted = {g.workload for g in work.secret().grants} if kind == "secret" else set()
    return [w for w in work.estate.workloads if w.name in granted]


def _opened(work: Work) -> str:
    incident = work.incident()
    if work.credential.item not in incident.opened:
        raise NotProven("is not on record as replaced")
    if not work.credential.item.startswith("secret:") or not isinstance(work.secret().secret, KvSecret):
        return "on record as replaced"
    policy = work.secret()
    impact = affected(work.estate, work.vault.incidents())
    if policy in impact.denied_class or policy in impact.denied:
        return "on record as replaced; another incident, or its declaration, keeps it denied"
    if not all(i.revoked_before for i in impact.open):
        return "the gate is open for it; the quarantine stays until the lock-down has revoked what was out"
    if not policy.readers:
        return "the gate is open for it; no workload may read it"
    path = names.granted_path(policy)
    status = work.vault.try_read(work.holder(policy), path)
    if status != 200:
        raise NotProven(f"the gate is open for it, yet {path} answered {status}")
    return f"{path} answers 200 to a token of its workload"
