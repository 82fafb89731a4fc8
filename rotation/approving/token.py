"""The token that applies what was approved: made for the declarations of the approved commit, and for nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from containment import names
from containment.adapters.github_reviews import PullRequest
from containment.adapters.minter import HvacApprover
from containment.compiled import operators
from containment.incidents import approved
from policies.digest import digest, of_file
from policies.errors import InputError, PortcullisError
from policies.load import default_folder, load
from rotation.asking.sides import at
from rotation.issuing.delivery import ToFile


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be made, once there is an approval: checked before anybody is asked."""

    to: ToFile
    approver: HvacApprover
    plan: str | None

    @classmethod
    def of(cls, file: Path, plan: Path | None) -> Request:
        """Raises InputError for a file that cannot be, and Unreachable for a token that may not make another."""
        to = ToFile(file)
        try:
            hashed = of_file(plan) if plan else None
        except OSError as error:
            raise InputError(f"{plan}: {error.strerror}; nothing was issued") from error
        approver = HvacApprover.from_environment()
        approver.ready()
        return cls(to, approver, hashed)

    def metadata(self, pull: PullRequest) -> dict[str, str]:
        """What is written on the token. Raises InputError for what is not merged, and when what is checked out is not
        what was approved at the head and came of the merge: so no old pull request, whose approvals still stand, brings
        back what was narrowed since."""
        if not pull.merged:
            raise InputError(f"pull request {pull.number} is not merged; a token is for what was")
        here = default_folder()
        load(here)
        loaded = digest(here)
        for commit in (pull.head, pull.merged):
            with at(commit, here) as folder:
                found = digest(folder)
            if found != loaded:
                raise InputError(
                    f"the declarations checked out here are {loaded}, and pull request {pull.number} at {commit[:12]} "
                    f"has {found}; check out what it was merged to, and let it be up to date before it is approved"
                )
        bound = {approved.DECLARATIONS: loaded, approved.PULL: str(pull.number), approved.HEAD: pull.head}
        return {**bound, **({approved.PLAN: self.plan} if self.plan else {})}

    def issue(self, metadata: dict[str, str]) -> dict[str, Any]:
        """Make it and write it down. Raises Unreachable; what cannot be written is ended."""
        made = self.approver.create_token(names.APPLY_ROLE, operators.APPLY_TTL, meta=metadata)
        try:
            self.to.write(made.values["token"])
        except PortcullisError:
            self.approver.end(made.values["token"])
            raise
        return {"file": str(self.to), "ttl": made.ttl, "accessor": made.handle, **metadata}
