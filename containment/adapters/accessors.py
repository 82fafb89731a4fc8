"""Look-ups of tokens by accessor over `hvac`, and what the server's refusals of them mean."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from containment.adapters.client import WORKERS, said
from containment.ports import Token
from policies.errors import Unreachable

PATIENCE = 3.0
_TICK = 0.05
"""Seconds."""


class Accessors:
    """`client`: an hvac client. `may_look_up` tells whether its token has the capability: asked only in doubt."""

    def __init__(self, client: Any, may_look_up: Callable[[], bool], patience: float = PATIENCE) -> None:
        self._client = client
        self._may_look_up = may_look_up
        self._patience = patience
        self._hollow: set[str] = set()

    def look_up_all(self, accessors: list[str]) -> list[Token]:
        """Those with a token behind them that is of use."""
        until = time.monotonic() + self._patience
        with ThreadPoolExecutor(WORKERS) as pool:
            return [t for t in pool.map(lambda a: self._look_up(a, until), accessors) if t is not None]

    def look_up(self, accessor: str) -> Token | None:
        """None when there is no token behind it, or one that the server is revoking: it refuses whatever that one asks
        for, but shows it until each of its leases is marked too. Raises Unreachable when the server does not say.

        The server stores a new token's accessor before the token, and when the client hangs up in between, the
        accessor stays alone for good (until `auth/token/tidy`). Both are answered "permission denied", as a missing
        capability is: so it is asked again for `patience` seconds, once in this object's life, and then the
        capability decides. An accessor that was hollow is still asked about each time.
        """
        return self._look_up(accessor, time.monotonic() + self._patience)

    def _look_up(self, accessor: str, until: float) -> Token | None:
        import hvac.exceptions
        import requests

        while True:
            try:
                data = self._client.auth.token.lookup_accessor(accessor)["data"]
                return None if data["num_uses"] < 0 else shown(accessor, data)
            except hvac.exceptions.VaultError as error:
                words = said(error)
                if "invalid accessor" in words or "bad token" in words:
                    return None
                if not isinstance(error, hvac.exceptions.Forbidden):
                    raise Unreachable(f"vault: lookup of a token: {type(error).__name__}: {words}"[:400]) from error
                if accessor in self._hollow:
                    return None
                if time.monotonic() > until:
                    if not self._may_look_up():
                        what = "vault: lookup of a token: no update on auth/token/lookup-accessor"
                        raise Unreachable(what) from error
                    self._hollow.add(accessor)
                    return None
            except requests.RequestException as error:
                raise Unreachable(f"vault: lookup of a token: {type(error).__name__}") from error
            time.sleep(_TICK)


def shown(accessor: str, data: dict[str, Any]) -> Token:
    """A token as a look-up answers, of any or of itself."""
    meta = data.get("meta") or {}
    own = tuple(data["policies"] or ())
    policies = tuple(dict.fromkeys([*own, *(data.get("identity_policies") or ())]))
    return Token(
        accessor=accessor,
        path=data["path"],
        role=str(meta.get("role_name") or meta.get("role") or data.get("role") or ""),
        created=int(data["creation_time"]),
        policies=policies,
        orphan=bool(data["orphan"]),
        batch=data["type"] == "batch",
        wrapping=own == ("response-wrapping",),
    )
