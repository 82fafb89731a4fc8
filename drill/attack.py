"""`python -m drill.attack LOG`: an attacker who never gives up. The credentials come over stdin, one JSON document;
each try is one line of LOG ({at, what, ok}); it ends when it is terminated.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from drill.acts import Act, Action, Performer
from drill.child import given
from drill.hands import Addresses, Hands
from policies.errors import Unreachable

_EVERY = 0.05
_PUSH_EVERY = 1.0
"""Seconds between tries; a push is a clone, a commit and a push."""


def main() -> None:
    document = given()
    performer = Performer(Hands(Addresses(**document["addresses"])))
    acts = [(a["what"], Act(Action(a["action"]), a["values"])) for a in document["acts"]]
    with Path(sys.argv[1]).open("a", buffering=1) as log:
        while True:
            for what, act in acts:
                at = time.time()
                try:
                    ok: bool | None = performer.perform(act)
                except Unreachable:
                    ok = None  # no answer is neither a success nor a refusal
                log.write(json.dumps({"at": at, "what": what, "ok": ok}) + "\n")
                time.sleep(_PUSH_EVERY if act.action is Action.PUSH else _EVERY)


main()
