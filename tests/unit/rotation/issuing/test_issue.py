"""What is said of a fresh credential that nobody got and that could not be ended."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from containment.ports import Issued
from policies.errors import Finding, Unreachable
from policies.load import load
from rotation.issuing import roles
from rotation.issuing.issue import _end

ESTATE = load()


class _Vault:
    """It took the credential to be issued, and answers no more."""

    def revoke_token(self, _: str) -> bool:
        raise Unreachable("vault: write auth/token/revoke-accessor: ConnectError")

    revoke_lease = revoke_token


@pytest.mark.parametrize(
    ("name", "handle", "shown"),
    [
        ("ci:cicd", "accessor-of-it", "accessor access…"),
        ("settlement-readonly", "database/creds/settlement-readonly/x", "lease database/creds/settlement-readonly/x"),
    ],
)
@pytest.mark.parametrize("because", [Unreachable("/out/x: No space left on device"), KeyboardInterrupt()])
def test_one_that_could_not_be_revoked_is_said_to_live(
    name: str, handle: str, shown: str, because: BaseException
) -> None:
    role = roles.find(name, ESTATE)
    with pytest.raises(Unreachable) as told:
        _end(cast(Any, _Vault()), role, Issued(handle, 1800, (), {}), because)
    said = str(told.value)
    assert f"the fresh credential may live, 1800 s at most: {shown}" in said
    assert said.startswith("KeyboardInterrupt" if isinstance(because, KeyboardInterrupt) else str(because))
    assert "revoke-accessor: ConnectError" in said
    assert "accessor-of-it" not in said
    assert "the same command again revokes it" in said


def test_nor_does_one_that_is_alive_after_it_was_revoked() -> None:
    vault: Any = SimpleNamespace(revoke_token=lambda _: False)
    with pytest.raises(Finding, match="the fresh credential is still alive: accessor access…"):
        _end(vault, roles.find("ci:cicd", ESTATE), Issued("accessor-of-it", 1800, (), {}), KeyboardInterrupt())
