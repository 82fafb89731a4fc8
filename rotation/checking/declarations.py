"""Every violation of the declarations at once: what does not load, and what a rule of the bundle objects to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from containment.adapters.opa import Decision, Opa, Violation
from containment.folder.decisions import Judge
from policies.document import Problem
from policies.errors import InputError, Unreachable
from policies.load import called, default_folder, read
from policies.rules import LOAD, LOCKOUT


@dataclass(frozen=True, slots=True)
class Checked:
    """`violations` in file order. `exit_code`: 3 when OPA could not be asked, 2 when something does not load, 1 when a
    rule objects."""

    violations: tuple[Violation, ...]
    reasons: tuple[str, ...]
    exit_code: int
    counted: str

    @property
    def allow(self) -> bool:
        return self.exit_code == 0


@dataclass(frozen=True, slots=True)
class Meanwhile:
    """A judge beside whose thinking something else is done."""

    judge: Judge
    work: Callable[[], None]

    def decide(self, package: str, question: dict[str, Any]) -> Decision:
        with ThreadPoolExecutor(1) as pool:
            decision = pool.submit(self.judge.decide, package, question)
            self.work()
            return decision.result()


def check(paths: Sequence[Path], opa_url: str) -> Checked:
    """`paths`: one folder, or files of one: the whole folder is judged, and of files only their own violations are
    told. Raises InputError, Unreachable."""
    from containment.judgement import decide
    from containment.lockout import lost

    folder, only = _asked(paths)
    estate, problems = read(folder)
    ways: list[str] = []
    away = False
    try:
        decision = decide(estate, Meanwhile(Opa(opa_url), lambda: ways.extend(lost(estate))))
    except Unreachable as error:
        if not problems:
            raise
        decision, away = Decision(allow=False, reasons=(str(error),)), True
    judged = [v for v in decision.violations if v.line or not problems]  # of what is whole, where all of it is there
    found = [*map(_violation, problems), *judged, *map(_lockout, ways)]
    violations = tuple(sorted(_heard(found, only), key=lambda v: (v.file, v.line, v.rule)))
    code = 2 if any(v.rule == LOAD.name for v in violations) else 1 if violations else 0
    if not decision.allow and not decision.violations:  # it said no without saying where: never a yes
        code = Unreachable.exit_code if away else code or 1
    reasons = (*map(str, violations), *(() if decision.violations or not code else decision.reasons))
    counted = f"{len(estate.secrets)} secrets and {len(estate.workloads)} workloads"
    return Checked(violations, reasons, code, counted)


def _heard(found: Sequence[Violation], only: frozenset[str]) -> list[Violation]:
    """Of chosen files their own; what has no file concerns every one of them."""
    return [v for v in found if not only or v.file in only or not v.line]


def _asked(paths: Sequence[Path]) -> tuple[Path, frozenset[str]]:
    if not paths:
        return default_folder(), frozenset()
    if len(paths) == 1 and not paths[0].is_file():
        return _whole(paths[0]), frozenset()
    folders = {_whole(path).parent.parent for path in paths}
    if len(folders) != 1 or any(path.suffix != ".yaml" for path in paths):
        raise InputError("name one folder of declarations, or .yaml files below one folder's production/ and staging/")
    folder = folders.pop()
    return folder, frozenset(called(_whole(path), folder) for path in paths)


def _whole(path: Path) -> Path:
    """Absolute, with links in the way to the file followed, not the file itself."""
    return path.absolute().parent.resolve() / path.name if path.name else path.resolve()


def _violation(problem: Problem) -> Violation:
    severity = LOAD.severity
    return Violation(
        problem.file, problem.line, LOAD.name, severity, "", problem.field, problem.message, problem.remedy
    )


def _lockout(way: str) -> Violation:
    """Of the declarations together, so in no file."""
    return Violation("", 0, LOCKOUT.name, LOCKOUT.severity, "", "", way, LOCKOUT.remedy)
