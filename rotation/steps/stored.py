"""Which version of a value that no server of ours issues is the new one. Its age alone says nothing: a write that a
leaked token has under way when the path is denied ends after that. So it counts when a rotation stored it, when the
audit log shows that a workload did with a token from after the lock-down, and when somebody says that it is theirs.
"""

from __future__ import annotations

from dataclasses import replace

from containment import names
from containment.incidents import proofs
from containment.incidents.replacements import reference
from containment.ports import Version
from policies.errors import InputError
from rotation import retired, writers
from rotation.audit_log import rfc3339
from rotation.proving import proven, record
from rotation.steps import kv
from rotation.work import NotProven, Waiting, Work
from rotation.writers import Writer

LATE = "was under way when the path was denied"


def _handle(work: Work, version: Version) -> str:
    return f"{names.granted_path(work.secret())} {version.number} {version.created}"


def _reference(work: Work, version: Version) -> str:
    return reference(_handle(work, version))


def is_new(work: Work, version: Version | None) -> bool:
    """On record since each incident that names it was denied: stored by a rotation, or taken for the new one."""
    return version is not None and not version.destroyed and _reference(work, version) in work.made()


def new(work: Work) -> Version:
    last = kv.newest(work)
    if last is None or not is_new(work, last) or not kv.value(work, last.number):
        raise NotProven("the newest version is not one that a rotation stored or that somebody named as the new one")
    return last


def new_reference(work: Work) -> str:
    return _reference(work, new(work))


def of_new(work: Work) -> tuple[str, str]:
    """Reference of the new version, and the words for it in what a person says of it. Raises InputError while there is
    none: whatever was stored later would have that person's word."""
    try:
        version = new(work)
    except NotProven as error:
        raise InputError(
            f"there is no new value of {names.granted_path(work.secret())} yet, of which a word could be taken: "
            f"portcullis rotate run {work.incident_id}, then this again"
        ) from error
    return _reference(work, version), f" of version {version.number}"


def unknown(work: Work) -> Version | None:
    """The newest version, where it may be the new one and is not known to be: younger than the deny, not what a
    rotation is about to store, not what one from before holds. One that cannot be read any more is not compared. Times
    are whole seconds: within that of the deny, nothing says which came first."""
    place, denied = kv.secret(work), work.denied_at()
    versions = work.vault.versions(place.mount, place.path)
    if not versions or versions[-1].created <= denied or is_new(work, versions[-1]):
        return None
    held = kv.value(work, versions[-1].number)
    others = [kv.value(work, v.number) for v in versions if v.created <= denied and not v.destroyed]
    return None if held is None or held in [*others, kv.candidate(work)] else versions[-1]


def written(work: Work, version: Version) -> tuple[Writer | None, str]:
    """Who stored it, and the words for version, time and writer."""
    path, writer = names.granted_path(work.secret()), None
    if work.audit_log is None:
        who = f"by whom is not known, since {retired.VARIABLE} is not set"
    else:
        try:
            writer = writers.find(work.audit_log, path, version.number)
            who = str(writer) if writer else f"by whom {work.audit_log} does not say"
        except OSError as error:
            who = f"by whom is not known, since {error.filename} cannot be read: {error.strerror}"
    return writer, f"version {version.number} of {path}, stored {rfc3339(version.created)} {who}"


def is_it_yours(work: Work, version: Version, words: str) -> str:
    place, mine = kv.secret(work), naming(work, str(version.number))
    destroy = f"bao kv destroy -mount={place.mount} -versions={version.number} {place.path}"
    return (
        f"{words}, may be the value of whoever has the old one. If one of you stored it: {mine}; if nobody did: "
        f"{destroy}. Then run this again"
    )


def naming(work: Work, number: str) -> str:
    return (
        f"portcullis rotate confirm {work.incident_id} {work.credential.item} --version {number} --by NAME --note WHAT"
    )


def is_late(work: Work, writer: Writer | None) -> bool:
    """A workload's write that was under way when the path was denied to it: nobody's new value."""
    return writer is not None and writer.gated and not writer.since(work.revoked_before())


def is_a_workloads(work: Work, writer: Writer | None) -> bool:
    """By a token that was never out before, to which the path was open again."""
    return writer is not None and writer.gated and writer.since(work.revoked_before())


def keep(work: Work, version: Version) -> None:
    work.keep_made(_handle(work, version), version.created)


def take(work: Work, version: Version) -> None:
    """For the new one. What a rotation was about to store is no longer wanted."""
    kv.forget_candidate(work)
    keep(work, version)


def taken(work: Work) -> bool:
    """Whether the newest version is a workload's own, which is taken for the new one here. Raises Waiting where a
    person has to say whose it is."""
    version = unknown(work)
    if version is None:
        return False
    writer, words = written(work, version)
    if is_a_workloads(work, writer):
        word, said_of = proven(work.incident(), work.credential.item, proofs.CONFIRMED), work.made()
        take(work, version)
        if word and word.of in said_of:  # the other side has taken the old one back: what follows is the workload's
            again = replace(word, of=_reference(work, version))
            work.vault.update_incident(work.incident_id, lambda held: held.with_proof(again))
        return True
    if not is_late(work, writer):
        raise Waiting(is_it_yours(work, version, words))
    return False


def name_version(work: Work, number: int, by: str, note: str) -> str:
    """Put a named person's word on record that they stored this version. Returns it. Raises InputError where nobody's
    word is taken for it."""
    last, path = kv.newest(work), names.granted_path(work.secret())
    if last is None or last.number != number:
        newest = f"the newest is {last.number}" if last else "there is none"
        raise InputError(f"version {number} of {path} is not the newest: {newest}")
    if is_new(work, last):
        raise InputError(
            f"version {number} of {path} is known as the new one: portcullis rotate run {work.incident_id}"
        )
    if unknown(work) is None:
        raise InputError(
            f"version {number} of {path} is from before the path was denied, holds the value of one that is, or cannot "
            "be read: store the new value, then name that version"
        )
    writer, words = written(work, last)
    if is_late(work, writer):
        raise InputError(f"{words}, {LATE}; nobody's word is taken for it: store the new value, then name that version")
    detail = f"{words}, named as the new one by {by}: {note}: {proofs.ON_A_WORD}"
    record(work.vault, work.incident_id, work.credential.item, proofs.NAMED, True, detail)
    take(work, last)
    return detail
