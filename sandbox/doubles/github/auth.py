"""Who calls, and how much of a repository is theirs."""

import base64
import binascii
from dataclasses import dataclass

from .protection import Actor, Level
from .store import Record, Store, digest, node_id


@dataclass(frozen=True)
class Caller:
    login: str
    user_id: int
    organization_admin: bool
    team_ids: frozenset[int]


def token_of(header: str | None) -> str | None:
    """The token in `Authorization: Bearer|token X`, or the password of a Basic one (git and curl -u)."""
    kind, _, rest = (header or "").partition(" ")
    match kind.lower():
        case "bearer" | "token":
            return rest.strip() or None
        case "basic":
            try:
                user, _, password = base64.b64decode(rest, validate=True).decode().partition(":")
            except (binascii.Error, UnicodeDecodeError):
                return None
            return password or user or None
        case _:
            return None


def caller(store: Store, header: str | None) -> Caller | None:
    token = token_of(header)
    held = store.data["tokens"].get(digest(token)) if token else None
    if held is None or held["revoked"]:
        return None
    return caller_of(store, held["login"])


def caller_of(store: Store, login: str) -> Caller:
    user = store.data["users"][login.lower()]
    teams = frozenset(team["id"] for team in store.data["teams"].values() if login.lower() in team["members"])
    return Caller(user["login"], user["id"], user["role"] == "admin", teams)


def level(repo: Record, who: Caller | None) -> Level:
    """The higher of the organization's owners, the direct grant and the team grants; anybody reads a public one."""
    if who is not None and who.organization_admin:
        return Level.ADMIN
    held = Level.NONE if repo["private"] else Level.READ
    if who is None:
        return held
    granted = [repo["permissions"].get(who.login.lower(), "none")]
    granted += [repo["team_permissions"].get(str(team), "none") for team in who.team_ids]
    return max([held, *(Level[name.upper()] for name in granted)], key=lambda item: item.value)


def actor(repo: Record, who: Caller) -> Actor:
    ids = {node_id("U", who.user_id)} | {node_id("T", team) for team in who.team_ids}
    return Actor(who.user_id, who.team_ids, frozenset(ids), level(repo, who), who.organization_admin)
