"""The OPA server over `opa-python-client`. Undefined is a denial; unreachable is an error of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from policies.errors import Unreachable


@dataclass(frozen=True, slots=True)
class Decision:
    allow: bool
    reasons: tuple[str, ...]


class Opa:
    def __init__(self, url: str) -> None:
        self._url = urlsplit(url)

    def decide(self, package: str, question: dict[str, Any]) -> Decision:
        """Ask a package's `allow` and, for a denial, its `missing` or `deny`. Raises Unreachable."""
        from opa_client.opa import OpaClient

        try:
            client = OpaClient(
                host=self._url.hostname or "localhost", port=self._url.port or 8181, ssl=self._url.scheme == "https"
            )
            answer = client.query_rule(input_data=question, package_path=package)
        except Exception as error:
            raise Unreachable(f"opa: {package}: {type(error).__name__}") from error
        result = answer.get("result") if isinstance(answer, dict) else None
        if not isinstance(result, dict) or not isinstance(result.get("allow"), bool):
            return Decision(False, (f"{package} is undefined",))
        reasons = tuple(sorted(str(r) for r in (result.get("missing") or result.get("deny") or ())))
        return Decision(result["allow"], () if result["allow"] else reasons or (f"{package} does not allow it",))
