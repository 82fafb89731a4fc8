"""Real git on the double's bare repositories."""

import os
import subprocess
import sys
from pathlib import Path

ZERO = "0" * 40


class GitError(Exception):
    """git refused; the message is its standard error."""


def identity(name: str, email: str) -> dict[str, str]:
    """Who commits."""
    return {f"GIT_{who}_{k}": v for who in ("AUTHOR", "COMMITTER") for k, v in (("NAME", name), ("EMAIL", email))}


def environment(extra: dict[str, str] | None = None) -> dict[str, str]:
    """No user or system configuration, no prompt."""
    base = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": "/nonexistent", "LC_ALL": "C"}
    return base | {"GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0"} | _HOST | (extra or {})


_HOST = identity("GitHub", "noreply@github.invalid")


def run(directory: Path, *arguments: str, stdin: bytes = b"", extra: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=directory, input=stdin, capture_output=True, env=environment(extra), check=False
    )
    if done.returncode != 0:
        raise GitError(done.stderr.decode(errors="replace").strip())
    return done.stdout.decode(errors="surrogateescape").rstrip("\n")


def create(directory: Path, default_branch: str, state: Path) -> None:
    """A bare repository whose pre-receive hook asks the double's own rules; the hook reads the stored state."""
    directory.mkdir(parents=True)
    run(directory, "init", "-q", "--bare", f"--initial-branch={default_branch}", ".")
    run(directory, "config", "http.receivepack", "true")
    run(directory, "config", "receive.denyDeleteCurrent", "ignore")
    run(directory, "config", "receive.hideRefs", "refs/pull")
    run(directory, "config", "gc.auto", "0")
    root = Path(__file__).resolve().parents[3]
    hook = directory / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(
        "#!/bin/sh\n"
        f'export PYTHONPATH="{root}"\n'
        f'exec "{sys.executable}" -m sandbox.doubles.github.hook "{state}" "{directory.stem}"\n'
    )
    hook.chmod(0o755)


def resolve(directory: Path, revision: str) -> str | None:
    try:
        return run(directory, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    except GitError:
        return None


def is_ancestor(directory: Path, old: str, new: str) -> bool:
    try:
        run(directory, "merge-base", "--is-ancestor", old, new)
    except GitError:
        return False
    return True


def refs(directory: Path, prefix: str) -> dict[str, str]:
    lines = run(directory, "for-each-ref", "--format=%(refname) %(objectname)", prefix).splitlines()
    return dict(line.rsplit(" ", 1) for line in lines)


def commit_files(directory: Path, branch: str, files: dict[str, bytes], message: str) -> str:
    """One commit on the branch (made when absent) that writes these files; moves the ref and returns the commit."""
    ref = f"refs/heads/{branch}"
    parent = resolve(directory, ref)
    index = {"GIT_INDEX_FILE": str(directory / f"index.{os.getpid()}")}
    try:
        if parent:
            run(directory, "read-tree", parent, extra=index)
        for path, content in files.items():
            blob = run(directory, "hash-object", "-w", "--stdin", stdin=content)
            run(directory, "update-index", "--add", "--cacheinfo", f"100644,{blob},{path}", extra=index)
        tree = run(directory, "write-tree", extra=index)
    finally:
        Path(index["GIT_INDEX_FILE"]).unlink(missing_ok=True)
    commit = run(directory, "commit-tree", tree, *(["-p", parent] if parent else []), stdin=message.encode())
    run(directory, "update-ref", ref, commit, parent or ZERO)
    return commit


def merge(directory: Path, base: str, head: str, message: str, squash: bool) -> str:
    """Merge `head` into the branch `base` and move it; GitError on a conflict."""
    old = run(directory, "rev-parse", f"refs/heads/{base}")
    tree = run(directory, "merge-tree", "--write-tree", old, head).splitlines()[0]
    parents = ["-p", old] if squash else ["-p", old, "-p", head]
    commit = run(directory, "commit-tree", tree, *parents, stdin=message.encode())
    run(directory, "update-ref", f"refs/heads/{base}", commit, old)
    return commit


def commit_facts(directory: Path, revision: str) -> dict[str, str]:
    told = "%H%x00%T%x00%P%x00%an%x00%ae%x00%aI%x00%ce%x00%B"
    sha, tree, parents, name, email, date, committer, message = run(
        directory, "show", "-s", f"--format={told}", revision
    ).split("\0", 7)
    return {
        "sha": sha,
        "tree": tree,
        "parents": parents,
        "name": name,
        "email": email,
        "date": date,
        "committer": committer,
        "message": message.rstrip("\n"),
    }
