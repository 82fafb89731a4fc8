"""The first state, from a seed file; a state that exists is left as it is."""

import json
import stat
import time
from pathlib import Path
from typing import Any

from . import git
from .store import Record, Store, digest, node_id, now


class SeedError(ValueError):
    """The seed file does not fit; the message says where."""


def _token(user: dict[str, Any], source: Path) -> list[str]:
    """Tokens stand in 0600 files, or in the seed itself when that is 0600."""
    tokens = []
    for entry in [user, *user.get("more_tokens", [])]:
        if "token_file" in entry:
            file = Path(entry["token_file"])
            file = file if file.is_absolute() else source.parent / file
            tokens.append(_private(file).strip())
        elif "token" in entry:
            _private(source)
            tokens.append(entry["token"])
    return tokens


def _private(file: Path) -> str:
    if stat.S_IMODE(file.stat().st_mode) & 0o077:
        raise SeedError(f"{file}: holds tokens and is readable by others: chmod 600")
    return file.read_text()


def new_repo(store: Store, name: str, **given: Any) -> Record:
    number = store.fresh_id()
    repo: Record = {
        "id": number,
        "node_id": node_id("R", number),
        "name": name,
        "description": None,
        "homepage": None,
        "default_branch": "main",
        "private": True,
        "archived": False,
        "created_at": now(),
        "updated_at": now(),
        "settings": {},
        "topics": [],
        "permissions": {},
        "team_permissions": {},
        "actions": {"enabled": True, "allowed_actions": "all", "sha_pinning_required": False},
        "selected_actions": {"github_owned_allowed": True, "verified_allowed": False, "patterns_allowed": []},
        "workflow": {"default_workflow_permissions": "read", "can_approve_pull_request_reviews": False},
        "environments": {},
        "keys": {},
        "runs": [],
        "pulls": {},
        "statuses": {},
        "vulnerability_alerts": False,
    } | given
    store.data["repos"][name.lower()] = repo
    git.create(store.git_dir(repo), repo["default_branch"], store.root.resolve())
    return repo


def new_environment(store: Store) -> Record:
    return {"id": store.fresh_id(), "created_at": now(), "updated_at": now(), "deployment_branch_policy": None}


def new_run(store: Store, repo: Record, **given: Any) -> Record:
    number = store.fresh_id()
    run: Record = {
        "id": number,
        "run_number": len(repo["runs"]) + 1,
        "name": "deploy",
        "path": ".github/workflows/deploy.yml",
        "event": "workflow_dispatch",
        "status": "queued",
        "conclusion": None,
        "head_branch": repo["default_branch"],
        "head_sha": git.resolve(store.git_dir(repo), repo["default_branch"]) or git.ZERO,
        "actor": "",
        "created_at": now(),
        "updated_at": now(),
    } | given
    repo["runs"].insert(0, run)
    return run


def _users(store: Store, seed: dict[str, Any], source: Path) -> None:
    for user in seed.get("users", []):
        login = user["login"]
        store.data["users"][login.lower()] = {
            "id": store.fresh_id(),
            "login": login,
            "name": user.get("name", login),
            "type": user.get("type", "User"),
            "role": user.get("role", "member"),
        }
        for token in _token(user, source):
            store.data["tokens"][digest(token)] = {"login": login, "revoked": False}
        for team in user.get("teams", []):
            slug = team.lower()
            held = store.data["teams"].setdefault(
                slug, {"id": store.fresh_id(), "name": team, "slug": slug, "members": []}
            )
            held["members"].append(login.lower())


def apply(store: Store, source: Path) -> None:
    """Raises SeedError, KeyError or OSError naming what is missing."""
    seed = json.loads(source.read_text())
    org = seed["org"]
    store.data["org"] = {
        "id": store.fresh_id(),
        "login": org["login"],
        "name": org.get("name", org["login"]),
        "created_at": now(),
        "actions": {"enabled_repositories": "all", "allowed_actions": "all", "sha_pinning_required": False},
        "selected_repositories": [],
        "selected_actions": {"github_owned_allowed": True, "verified_allowed": False, "patterns_allowed": []},
        "workflow": {"default_workflow_permissions": "read", "can_approve_pull_request_reviews": False},
    }
    _users(store, seed, source)
    for slug in seed.get("apps", []):
        store.data["apps"][slug] = {"id": store.fresh_id(), "slug": slug, "name": slug}
    for entry in seed.get("repos", []):
        branch = entry.get("default_branch", "main")
        repo = new_repo(store, entry["name"], default_branch=branch, private=entry.get("private", True))
        repo["permissions"] = {login.lower(): level for login, level in entry.get("permissions", {}).items()}
        repo["team_permissions"] = {
            str(store.data["teams"][slug.lower()]["id"]): level
            for slug, level in entry.get("team_permissions", {}).items()
        }
        repo["environments"] = {name: new_environment(store) for name in entry.get("environments", [])}
        files = entry.get("files") or {"README.md": f"# {entry['name']}\n"}
        git.commit_files(store.git_dir(repo), branch, {k: v.encode() for k, v in files.items()}, "Begin")
        for run in entry.get("workflow_runs", []):
            seconds = run.pop("seconds", None)
            finish = {"finish_at": time.time() + seconds} if seconds is not None else {}
            new_run(store, repo, **run, **finish)
        for key in entry.get("deploy_keys", []):
            number = store.fresh_id()
            repo["keys"][str(number)] = {
                "id": number,
                "key": key["key"],
                "title": key["title"],
                "read_only": key.get("read_only", True),
                "created_at": now(),
            }
    store.save()
