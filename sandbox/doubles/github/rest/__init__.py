"""REST handlers, one module an area; importing this package fills `api.HANDLERS`."""

from . import actions, branches, commits, environments, issues, keys, people, pulls, repos, rulesets, secrets
from .api import HANDLERS, Call, Refused, Reply

AREAS = (actions, branches, commits, environments, issues, keys, people, pulls, repos, rulesets, secrets)
__all__ = ["AREAS", "HANDLERS", "Call", "Refused", "Reply"]
