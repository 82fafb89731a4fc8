"""The secret_id of a workload: the old ones and their tokens are gone, a new one is delivered as a file that only the
workload's host reads, and a login with that file works."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from containment import names
from containment.errors import REFRESH
from containment.incidents import proofs
from containment.incidents.replacements import reference
from policies.errors import InputError, PortcullisError, Unreachable
from policies.model import TokenType
from rotation.issuing.delivery import ToFile
from rotation.proving import open_step
from rotation.steps.tokens import former_logins_of, none_left, old_tokens, shut_former_logins
from rotation.work import NotProven, Step, Work

DELIVERY = "PORTCULLIS_DELIVERY_DIR"


def steps(work: Work) -> tuple[Step, ...]:
    made: list[Path] = []
    return (
        Step("end-old", lambda: _ended(work), lambda: not _old(work), lambda: _end(work), proofs.OLD_DEAD),
        Step("deliver", lambda: _delivered(work, made), lambda: _is_delivered(work), lambda: _deliver(work, made)),
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
    try:
        held: dict[str, Any] = json.loads(_file(work).read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise Unreachable(f"{_file(work)}: {type(error).__name__}") from error
    return held


def _accessor(work: Work) -> str:
    return str(_read(work).get("secret_id_accessor", ""))


def _is_delivered(work: Work) -> bool:
    accessor = _accessor(work)
    return reference(accessor) in work.made() and _secret_ids(work) == [accessor]


def _deliver(work: Work, folders: list[Path]) -> None:
    """One that was not delivered is one whose answer was lost: destroyed, and made anew. `folders` gets the one that
    had to be made."""
    file = _file(work)
    try:
        if not file.parent.exists():
            folders.append(file.parent)
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise InputError(f"{DELIVERY}: {file.parent}: {error.strerror}; set it to a folder that can be made") from error
    deliver = ToFile(file)
    _destroy(work, _secret_ids(work))
    role = work.vault.read(f"{_base(work)}/role-id")
    if role is None:
        raise NotProven(f"the login role does not exist, so no secret_id can be made: {REFRESH}, then this again")
    at = work.vault.now()
    made = work.vault.write(f"{_base(work)}/secret-id", {"metadata": json.dumps({"incident": work.incident_id})})
    document = {
        "role_id": role["role_id"],
        "secret_id": made["secret_id"],
        "secret_id_accessor": made["secret_id_accessor"],
    }
    try:
        work.keep_made(made["secret_id_accessor"], at)
        deliver(document)
    except PortcullisError:
        _destroy(work, [made["secret_id_accessor"]])
        raise


def _delivered(work: Work, folders: list[Path]) -> str:
    if not _is_delivered(work):
        raise NotProven(f"{len(_secret_ids(work))} secret_ids; the one delivered is not the only one, and new")
    if _file(work).stat().st_mode & 0o077:
        raise NotProven(f"{_file(work)} is readable by others")
    made = "".join(f"; {folder} was not there and was made: is {DELIVERY} right?" for folder in folders)
    return f"one new secret_id, delivered to {_file(work)}{made}"


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
    held, workload = _read(work), work.workload()
    with work.vault.login(held["role_id"], held["secret_id"]) as token:
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
