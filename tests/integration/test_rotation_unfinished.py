"""Rotation after an apply that was killed, another that took its place, and a lock-down without Pulumi."""

from __future__ import annotations

import sys

from drill.actors import Actors
from tests.integration.checkout import LEDGER, Checkout
from tests.integration.production import Production


def test_rotation_goes_by_what_the_lock_down_went_by(checkout: Checkout, actors: Actors) -> None:
    """By what a killed apply was to grant, the secret was given back to nobody, and recovery read it nowhere."""
    vault = checkout.prod.vault()
    moved = ("workload: treasury-report", "workload: settlement")
    checkout.edit("settlement-readonly", "max: 8h", "max: 7h")
    checkout.edit("treasury-readonly", *moved)
    checkout.kill(lambda: (vault.read("portcullis/data/compiled") or {})["data"].get("begun"))
    checkout.edit("treasury-readonly", *reversed(moved))
    checkout.edit("settlement-readonly", "role: settlement-readonly", "role: settlement-ro")
    checkout.apply()
    assert len(vault.left()) > 1, "something was to go at the end of that apply"
    contain = ("contain", "--incident-id", "DIRECT", "--scope", "secret:treasury-readonly")
    for words in (contain, ("rotate", "run", "DIRECT")):
        done = Production.run([sys.executable, "-m", "rotation", *words], checkout.prod.environ(checkout.folder))
        assert done.returncode == 0, done.stdout
    token = actors.login(*actors.secret_id("treasury-report"))
    assert actors.allowed(lambda: actors.read(token, LEDGER))
    assert checkout.prod.keep(checkout.folder).returncode == 0
    checkout.lift("DIRECT")
