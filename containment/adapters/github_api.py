"""Calls to GitHub over `githubkit`: REST and GraphQL, pages, short retries, and its refusals as errors of ours.

github.com and an Enterprise Server differ in the address only.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from containment.adapters.certificates import trusting
from policies.errors import InputError, Unreachable
from policies.plain import one_line

Query = Mapping[str, str] | None

PUBLIC = "https://api.github.com/"
_PATIENCE = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Settings:
    """Where GitHub is, whose organization, by which token; `ca` is a file of certificates, None for the system's."""

    url: str
    owner: str
    token: str = field(repr=False)
    ca: str | None

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """GITHUB_TOKEN, GITHUB_OWNER, and GITHUB_BASE_URL where it is not github.com: what the Pulumi provider reads.

        Raises InputError naming what is not set.
        """
        missing = [name for name in ("GITHUB_TOKEN", "GITHUB_OWNER") if not environ.get(name)]
        if missing:
            raise InputError(f"{' and '.join(missing)} not set")
        url = environ.get("GITHUB_BASE_URL") or PUBLIC
        return cls(url, environ["GITHUB_OWNER"], environ["GITHUB_TOKEN"], environ.get("SSL_CERT_FILE"))


class GithubApi:
    """Raises Unreachable for every refusal and failure; a message names the call and GitHub's words, never a value."""

    def __init__(self, base_url: str, token: str, ca: str | None) -> None:
        from githubkit import GitHub

        self._client: Any = GitHub(
            token,
            base_url=_rest(base_url),
            user_agent="portcullis",
            timeout=10,
            ssl_verify=trusting(ca),
            trust_env=False,
            http_cache=False,
            auto_retry=_retry,
        )

    def call(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        absent: int | None = None,
        query: Query = None,
    ) -> Any:
        """The answer's JSON; None when there is none, and for the status `absent`."""
        from githubkit.exception import GitHubException, RequestFailed

        try:
            answer = self._client.request(method, path, json=body, params=query)
        except RequestFailed as error:
            if error.response.status_code == absent:
                return None
            raise Unreachable(f"github: {method} {path}: {error.response.status_code} {_words(error)}") from error
        except GitHubException as error:
            raise Unreachable(f"github: {method} {path}: {type(_cause(error)).__name__}") from error
        return answer.json() if answer.content else None

    def pages(self, path: str, key: str | None = None, query: Query = None) -> Iterator[dict[str, Any]]:
        page = 1
        while True:
            answer = self.call("GET", path, query={**(query or {}), "per_page": "100", "page": str(page)})
            items = answer if key is None else answer[key]
            yield from items
            if len(items) < 100:
                return
            page += 1

    def graphql(self, what: str, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        from githubkit.exception import GitHubException, GraphQLFailed, RequestFailed

        try:
            answer: dict[str, Any] = self._client.graphql.request(query, variables)
        except GraphQLFailed as error:
            words = one_line("; ".join(e.message for e in error.response.errors or []))
            raise Unreachable(f"github: {what}: {words}"[:400]) from error
        except RequestFailed as error:
            raise Unreachable(f"github: {what}: {error.response.status_code} {_words(error)}") from error
        except GitHubException as error:
            raise Unreachable(f"github: {what}: {type(_cause(error)).__name__}") from error
        return answer


def _rest(base_url: str) -> str:
    """An Enterprise Server has its REST API under `/api/v3`; github.com under a host of its own."""
    base = base_url.rstrip("/")
    public = (urlsplit(base).hostname or "").startswith("api.") or base.endswith("/api/v3")
    return base if public else f"{base}/api/v3"


def _retry(error: Any, count: int) -> Any:
    """Rate limits are waited out where that is short, a server's own error is tried twice more: a lock-down does not
    hang for an hour's limit, it says so."""
    from githubkit.exception import RateLimitExceeded, RequestFailed
    from githubkit.typing import RetryOption

    if count < 2 and isinstance(error, RateLimitExceeded) and error.retry_after <= _PATIENCE:
        return RetryOption(True, error.retry_after)
    server = isinstance(error, RequestFailed) and error.response.status_code >= 500
    return RetryOption(count < 2 and server, timedelta(seconds=0.5))


def _words(error: Any) -> str:
    """GitHub's own message: it names fields and rights, never a value that was sent."""
    try:
        body = error.response.json()
    except ValueError:
        return ""
    return one_line(str(body.get("message", "")))[:200] if isinstance(body, dict) else ""


def _cause(error: Any) -> Exception:
    cause: Exception = getattr(error, "exc", error)
    return cause
