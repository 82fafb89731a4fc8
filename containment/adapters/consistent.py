"""What was written is read back, whichever node of a cluster answers: OpenBao's standbys and Vault's performance
standbys answer reads themselves, a moment behind. Each write's answer has its index, and a node that is not so far yet
forwards a request that names it (OpenBao docs, Eventual consistency, conditional forwarding; Vault's has the same)."""

from __future__ import annotations

from typing import Any

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter

_INDEX = "X-Vault-Index"
_last: dict[str, str] = {}
"""By address: one identity's probe must see what another has written."""


class Consistent(HTTPAdapter):
    def __init__(self, address: str, connections: int) -> None:
        self._address = address
        super().__init__(pool_connections=2, pool_maxsize=connections)

    def add_headers(self, request: PreparedRequest, **_: Any) -> None:
        if index := _last.get(self._address):
            request.headers.update({_INDEX: index, "X-Vault-Inconsistent": "forward-active-node"})

    def build_response(self, req: PreparedRequest, resp: Any) -> Response:
        answer = super().build_response(req, resp)
        if index := answer.headers.get(_INDEX):
            _last[self._address] = index
        return answer
