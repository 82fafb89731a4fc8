"""The pre-receive hook: each pushed ref is judged by the rules in force; one refusal refuses the push.

Runs inside git's quarantine, so that ancestry is known before anything is kept.
"""

import os
import sys
from pathlib import Path

from . import git
from .auth import caller_of
from .protection import Change, Update
from .rules import judge, refusal
from .store import Store

ACTOR = "PORTCULLIS_DOUBLE_LOGIN"


def change_of(old: str, new: str) -> Change:
    if set(old) == {"0"}:
        return Change.CREATE
    if set(new) == {"0"}:
        return Change.DELETE
    return Change.UPDATE if _is_ancestor(old, new) else Change.FORCE


def _is_ancestor(old: str, new: str) -> bool:
    quarantine = {name: value for name, value in os.environ.items() if name.startswith("GIT_")}
    try:
        git.run(Path.cwd(), "merge-base", "--is-ancestor", old, new, extra=quarantine)
    except git.GitError:
        return False
    return True


def main(state: str, repo_id: str) -> int:
    store = Store(Path(state))
    repo = store.repo_by_id(int(repo_id))
    if repo is None:
        sys.stderr.write("error: 404: Repository not found.\n")
        return 1
    who = caller_of(store, os.environ[ACTOR])
    refused = 0
    for line in sys.stdin:
        old, new, ref = line.split()
        checks = frozenset(repo["statuses"].get(new, []))
        decision = judge(store, repo, who, Update(ref, change_of(old, new), checks=checks))
        if not decision.allowed:
            refused = 1
            sys.stderr.write(refusal(decision, ref) + "\n")
    return refused


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
