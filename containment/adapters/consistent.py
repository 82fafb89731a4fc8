"""What was written is read back, whichever node of a cluster answers: OpenBao's standbys and Vault's performance
standbys answer reads themselves, a moment behind. Each write's answer has its index, and a node that is not so far yet
forwards a request that names it (OpenBao docs, Eventual consistency, conditional forwarding). Vault does where
`allow_forwarding_via_header` is set, and refuses the header where it is not."""

from __future__ import annotations

import threading
from typing import Any

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter

_INDEX, _FORWARD = "X-Vault-Index", "X-Vault-Inconsistent"
_REFUSED = b"forwarding via header"
_last: dict[str, str] = {}
"""By address: one identity's probe must see what another has written."""
_own = threading.local()
"""The same of this thread, which reads back what it wrote: another's answer may be late."""
_refusing: set[str] = set()
"""Addresses of which the server takes no such header."""


class Consistent(HTTPAdapter):
    def __init__(self, address: str, connections: int) -> None:
        self._address = address
        super().__init__(pool_connections=2, pool_maxsize=connections)

    def add_headers(self, request: PreparedRequest, **_: Any) -> None:
        index = getattr(_own, "last", {}).get(self._address) or _last.get(self._address)
        if index and self._address not in _refusing:
            request.headers.update({_INDEX: index, _FORWARD: "forward-active-node"})

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        answer = super().send(request, *args, **kwargs)
        if answer.status_code == 400 and _FORWARD in request.headers and _REFUSED in answer.content:
            _refusing.add(self._address)
            for header in (_INDEX, _FORWARD):
                del request.headers[header]
            answer = super().send(request, *args, **kwargs)
        if (index := answer.headers.get(_INDEX)) and request.method not in ("GET", "LIST"):
            _last[self._address] = index
            _own.last = {**getattr(_own, "last", {}), self._address: index}
        return answer
