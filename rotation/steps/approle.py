"""The secret_id of a workload: the old ones and their tokens are gone, a new one is delivered as a file that only the
workload's host reads, and a login with that file works."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from containment import names
from containment.errors import REFRESH
from containment.incidents import proofs
from containment.incidents.incident import Made
from containment.incidents.replacements import reference
from policies.errors import InputError, PortcullisError, Unreachable
from policies.model import TokenType
from rotation.audit_log import rfc3339
from rotation.issuing.delivery import ToFile
from rotation.proving import open_step
from rotation.steps.tokens import former_logins_of, none_left, old_tokens, shut_former_logins
from rotation.work import NotProven, Step, Work

DELIVERY = "PORTCULLIS_DELIVERY_DIR"


def steps(work: Work) -> tuple[Step, ...]:
    said: list[str] = []
    return (
        Step("end-old", lambda: _ended(work), lambda: not _old(work), lambda: _end(work), proofs.OLD_DEAD),
        Step("deliver", lambda: _delivered(work, said), lambda: _is_delivered(work), lambda: _deliver(work, said)),
        Step("enable", lambda: _enabled(work), lambda: not _disabled(work), lambda: _enable(work)),
        Step("try-new", lambda: _tried(work), proves=proofs.NEW_ALIVE),
        open_step(work),
    )


def _base(work: Work) -> str:
    return f"auth/{names.APPROLE}/role/{work.credential.name}"


def _secret_ids(work: Work) -> list[str]:
    """Accessors; none where the role is gone, which the server makes an error of."""
    return work.vault.keys(f"{_base(work)}/secret-id") if work.vault.read(_base(work)) else []


def _old_ids(work: Work) -> list[str]:
    made = work.made()
    return [accessor for accessor in _secret_ids(work) if reference(accessor) not in made]


def _old_tokens(work: Work) -> list[str]:
    return old_tokens(work, work.workload(), work.cut())


def _old(work: Work) -> bool:
    return bool(_old_ids(work) or _old_tokens(work) or former_logins_of(work, work.workload()))


def _destroy(work: Work, accessors: list[str]) -> None:
    for accessor in accessors:
        work.vault.write(f"{_base(work)}/secret-id-accessor/destroy", {"secret_id_accessor": accessor})


def _end(work: Work) -> None:
    _destroy(work, _old_ids(work))
    for accessor in _old_tokens(work):
        work.vault.revoke_token(accessor)
    shut_former_logins(work, work.workload())


def _ended(work: Work) -> str:
    ids, tokens = _old_ids(work), _old_tokens(work)
    if ids or tokens:
        raise NotProven(f"still there: {len(ids)} old secret_ids, {len(tokens)} old tokens")
    return f"no secret_id and no {none_left(work, work.workload())}"


def _file(work: Work) -> Path:
    if work.delivery is None:
        raise InputError(f"{DELIVERY} is not set: there is no place to deliver the new secret_id to")
    return work.delivery / f"{work.credential.name}.json"


def _read(work: Work) -> dict[str, Any]:
    """Raises InputError for what nobody delivered, which may be somebody's."""
    file = _file(work)
    try:
        held = json.loads(file.read_text())
    except FileNotFoundError:
        return {}
    except ValueError:
        held = None
    except OSError as error:
        raise Unreachable(f"{file}: {error.strerror}") from error
    if not isinstance(held, dict):
        raise InputError(
            f"{file} is none of a workload's role_id and secret_id, so it is not overwritten: see whose it is, move it "
            "away, then run this again"
        )
    return held


def _sole(work: Work) -> tuple[str, Made]:
    """The only secret_id there is, which a rotation has delivered: its accessor, and what is on record of it."""
    accessors = _secret_ids(work)
    made = work.made_of(accessors[0]) if len(accessors) == 1 else None
    if made is None or not made.delivered:
        raise NotProven(f"{len(accessors)} secret_ids; the one delivered is not the only one, and new")
    return accessors[0], made


def _is_delivered(work: Work) -> bool:
    try:
        _sole(work)
    except NotProven:
        return False
    return True


def _at_hand(work: Work, accessor: str) -> tuple[str, str] | None:
    """role_id and secret_id, where the file that was delivered lies there still; whatever else may, or what its host
    alone may read."""
    try:
        held = _read(work)
    except (InputError, Unreachable):
        return None
    role, value = held.get("role_id"), held.get("secret_id")
    ours = held.get("secret_id_accessor") == accessor and isinstance(role, str) and isinstance(value, str)
    return (str(role), str(value)) if ours else None


def _taken(work: Work) -> str:
    """Where it was looked for."""
    return f"{DELIVERY} is not set" if work.delivery is None else f"{_file(work)} does not hold it any more"


def _anew(work: Work, accessor: str) -> str:
    return f"bao write {_base(work)}/secret-id-accessor/destroy secret_id_accessor={accessor}, then run this again"


def _deliver(work: Work, said: list[str]) -> None:
    """One that was not delivered is one whose answer was lost: destroyed, and made anew. One that was is a host's by
    now, wherever its file went. `said` gets what a person should look at."""
    accessors = _secret_ids(work)
    ours = {a: made for a in accessors if (made := work.made_of(a))}
    kept = [a for a, made in ours.items() if made.delivered]
    if not kept:
        written = _read(work).get("secret_id_accessor")
        kept = [a for a in ours if a == written]
    if kept:
        _destroy(work, [a for a in accessors if a not in kept])
        for accessor in kept:
            work.keep_of(accessor, lambda made: replace(made, delivered=True))
        return
    deliver = ToFile(_place(work, said))
    _destroy(work, accessors)
    if ours:
        said.append("one that was made before, and is not on record as delivered, was destroyed")
    _issue(work, deliver)


def _place(work: Work, said: list[str]) -> Path:
    file = _file(work)
    folder = file.parent
    try:
        if not folder.exists():
            said.append(f"{folder} was not there and was made: is {DELIVERY} right?")
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise InputError(f"{DELIVERY}: {folder}: {error.strerror}; set it to a folder that can be made") from error
    return file


def _issue(work: Work, deliver: ToFile) -> None:
    role = work.vault.read(f"{_base(work)}/role-id")
    if role is None:
        raise NotProven(f"the login role does not exist, so no secret_id can be made: {REFRESH}, then this again")
    at = work.vault.now()
    made = work.vault.write(f"{_base(work)}/secret-id", {"metadata": json.dumps({"incident": work.incident_id})})
    accessor = made["secret_id_accessor"]
    document = {"role_id": role["role_id"], "secret_id": made["secret_id"], "secret_id_accessor": accessor}
    try:
        work.keep_made(accessor, at)
        deliver(document)
    except PortcullisError:
        _destroy(work, [accessor])
        raise
    work.keep_of(accessor, lambda made: replace(made, delivered=True))


def _delivered(work: Work, said: list[str]) -> str:
    accessor, _ = _sole(work)
    if _at_hand(work, accessor) is None:
        words = f"the one secret_id is the one that was delivered; {_taken(work)}: where it is lost, "
        return "; ".join([words + _anew(work, accessor), *said])
    if _file(work).stat().st_mode & 0o077:
        raise NotProven(f"{_file(work)} is readable by others")
    return "; ".join([f"one new secret_id, delivered to {_file(work)}", *said])


def _entity(work: Work) -> str | None:
    role = work.vault.read(f"{_base(work)}/role-id")
    return work.vault.entity_of(role["role_id"], names.APPROLE) if role else None


def _disabled(work: Work) -> bool:
    entity = _entity(work)
    return entity is not None and bool((work.vault.read(f"identity/entity/id/{entity}") or {}).get("disabled"))


def _enable(work: Work) -> None:
    work.vault.write(f"identity/entity/id/{_entity(work)}", {"disabled": False})


def _enabled(work: Work) -> str:
    if _disabled(work):
        raise NotProven("the entity is still disabled")
    return "the entity may log in"


def _tried(work: Work) -> str:
    accessor, made = _sole(work)
    held = _at_hand(work, accessor)
    if held is None:
        return _tried_before(work, accessor, made)
    at = work.vault.now()
    try:
        words = _log_in(work, *held)
    except PortcullisError:
        work.keep_of(accessor, lambda made: replace(made, tried=0))
        raise
    work.keep_of(accessor, lambda made: replace(made, tried=at))
    return words


def _tried_before(work: Work, accessor: str, made: Made) -> str:
    if not made.tried:
        raise NotProven(
            f"no login with what was delivered is on record as one that worked, and {_taken(work)}: put its file back "
            f"to {_file(work)} and run this again, or replace it: {_anew(work, accessor)}"
        )
    return (
        f"a login with what was delivered worked at {rfc3339(made.tried)}; not tried again, since {_taken(work)}; it "
        "is in force, and no other is"
    )


def _log_in(work: Work, role: str, secret_id: str) -> str:
    workload = work.workload()
    with work.vault.login(role, secret_id) as token:
        given = TokenType.BATCH if token.batch else TokenType.SERVICE
        if given is not workload.tokens:
            raise NotProven(
                f"the login role gives {given} tokens, and is declared to give {workload.tokens} tokens (`portcullis "
                f"drift` names it): {REFRESH}"
            )
        wanted = set(work.policies(workload))
        if not wanted <= set(token.policies):
            raise NotProven(f"a new login lacks policies: {', '.join(sorted(wanted - set(token.policies)))}")
    if given is TokenType.BATCH:
        return "a login with the delivered file works; its batch token, which nobody can revoke, was kept by nobody"
    return "a login with the delivered file works; its token is revoked and gone"
