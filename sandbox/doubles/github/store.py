"""The double's whole state: one JSON file in a 0700 directory, written aside, fsynced, then renamed."""

import base64
import hashlib
import json
import os
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nacl.public import PrivateKey

Record = dict[str, Any]


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def node_id(kind: str, number: int) -> str:
    return kind + "_" + base64.urlsafe_b64encode(f"{kind}:{number}".encode()).decode().rstrip("=")


class Store:
    """Records by name; callers change `data` and call `save`. One writer: the server's lock."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        root.chmod(0o700)
        self.file = root / "state.json"
        self.violations = root / "violations.jsonl"
        self.fresh = not self.file.exists()
        self.data: Record = self._empty() if self.fresh else json.loads(self.file.read_text())

    @staticmethod
    def _empty() -> Record:
        key = PrivateKey.generate()
        return {
            "next_id": 1000,
            "box_key": base64.b64encode(bytes(key)).decode(),
            "org": {},
            "users": {},
            "teams": {},
            "apps": {},
            "tokens": {},
            "repos": {},
            "branch_rules": {},
            "rulesets": {},
            "secrets": {},
        }

    def fresh_id(self) -> int:
        self.data["next_id"] += 1
        return int(self.data["next_id"])

    def save(self) -> None:
        handle, name = tempfile.mkstemp(dir=self.root, prefix="state.", suffix=".new")
        with os.fdopen(handle, "w") as out:
            json.dump(self.data, out)
            out.flush()
            os.fsync(out.fileno())
        Path(name).replace(self.file)
        directory = os.open(self.root, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def violation(self, what: str, where: str, found: list[str]) -> None:
        """One line a breach of the description; never the offending values."""
        line = json.dumps({"at": now(), "what": what, "where": where, "problems": found})
        with self.violations.open("a") as out:
            out.write(line + "\n")

    def seen_violations(self) -> list[Record]:
        if not self.violations.exists():
            return []
        return [json.loads(line) for line in self.violations.read_text().splitlines()]

    def repo(self, owner: str, name: str) -> Record | None:
        if owner.lower() != str(self.data["org"]["login"]).lower():
            return None
        found: Record | None = self.data["repos"].get(name.lower())
        return found

    def repo_by_id(self, number: int) -> Record | None:
        return next((repo for repo in self.data["repos"].values() if repo["id"] == number), None)

    def rules_of(self, repo_id: int) -> list[Record]:
        return [rule for rule in self.data["branch_rules"].values() if rule["repo_id"] == repo_id]

    def git_dir(self, repo: Record) -> Path:
        return self.root / "git" / f"{repo['id']}.git"

    def private_key(self) -> PrivateKey:
        return PrivateKey(base64.b64decode(self.data["box_key"]))

    def settle_runs(self) -> None:
        """Runs move on by the clock: queued to in progress, in progress to completed, cancelled when asked."""
        at = time.time()
        for repo in self.data["repos"].values():
            for run in repo["runs"]:
                if run["status"] == "completed":
                    continue
                if run.get("cancel_at") is not None and at >= run["cancel_at"]:
                    run |= {"status": "completed", "conclusion": "cancelled", "updated_at": now()}
                elif run.get("finish_at") is not None and at >= run["finish_at"]:
                    run |= {"status": "completed", "conclusion": "success", "updated_at": now()}
                elif run["status"] == "queued" and run.get("start_at") is not None and at >= run["start_at"]:
                    run |= {"status": "in_progress", "updated_at": now()}
