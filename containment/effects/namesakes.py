"""Whether a repository is the one that the last apply saw: a name can be given to another, GitHub's id cannot.

Who may rename a repository may make an empty one by the old name, which would be locked in its place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from containment.ports import CodeHost
from containment.report import Outcome
from containment.run import WORKERS, Progress, Run, Seen
from policies.errors import PortcullisError
from policies.model import Repository


def ids(
    open_host: Callable[[], CodeHost], repositories: Sequence[Repository], before: Mapping[str, int], warn: Progress
) -> dict[str, int]:
    """In peace: each repository's id by its name, for the day. One that cannot be read keeps its id of `before`; that,
    and an id that is another one than before, is said."""
    names = [repository.name for repository in repositories]
    found = {name: before[name] for name in names if name in before}
    if not names:
        return found
    try:
        host = open_host()
        with ThreadPoolExecutor(WORKERS) as pool:
            seen = dict(zip(names, pool.map(host.repository_id, names), strict=True))
    except PortcullisError as error:
        warn(f"the ids of the repositories stay those of the apply before: {error}")
        return found
    for name, number in seen.items():
        if number is None:
            warn(f"repository {name}: there is none of that name on GitHub; its id stays that of the apply before")
        elif found.setdefault(name, number) != number:
            warn(
                f"{name} is another repository (id {number}) than the one that the apply before saw (id "
                f"{found[name]}): renamed? From now on this one is taken for it"
            )
            found[name] = number
    return found


def compare(run: Run, repositories: Sequence[Repository]) -> None:
    """After the locks: whoever renames a repository before it is locked is seen here, later it is too late."""
    try:
        kept = run.systems.vault.repository_ids()
    except PortcullisError as error:
        for repository in repositories:
            run.fail(_WHAT, repository.name, error)
        return
    unknown = [r.name for r in repositories if r.name not in kept]
    if unknown:
        run.progress(f"{_WHAT}: not compared, no apply has kept an id of: {', '.join(unknown)}")
    known = [r.name for r in repositories if r.name in kept]
    run.each(_WHAT, [(name, run.on_host(partial(_same, name=name, kept=kept[name]))) for name in known])


_WHAT = "repository is the same"


def _same(host: CodeHost, name: str, kept: int) -> Seen:
    found = host.repository_id(name)
    if found == kept:
        return Outcome.ALREADY, f"id {kept}"
    now = host.repository_names().get(kept)
    original = f"it is {now} now" if now else "it is gone from the organization, or this token does not see it"
    mend = f"rename {now} back to {name}" if now else "have it restored by GitHub or the organization that has it"
    if found is None:
        return (
            Outcome.FAILED,
            f"gone: renamed? The one that the last apply saw has id {kept}: {original}; {mend}, run again",
        )
    return (
        Outcome.FAILED,
        f"{name} is another repository (id {found}) than the one that the last apply saw (id {kept}): renamed? "
        f"{original}; rename this one away, {mend}, run again",
    )
