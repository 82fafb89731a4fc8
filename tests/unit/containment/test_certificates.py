"""A file of certificates that is none is named, whoever is to be trusted by it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from containment.adapters.exchange import HttpExchange
from containment.adapters.github_api import GithubApi
from containment.adapters.pagerduty import PagerDuty
from policies.errors import InputError

URL = "https://127.0.0.1:1"
OPENED: list[Callable[[Path, str], object]] = [
    lambda key, ca: HttpExchange(URL, key, ca),
    lambda key, ca: PagerDuty(key, URL, ca),
    lambda _, ca: GithubApi(URL, "t", ca),
]


@pytest.mark.parametrize("opened", OPENED)
@pytest.mark.parametrize(("text", "why"), [(None, "No such file"), ("x", "holds no certificate")])
def test_a_file_of_certificates_that_is_none_is_named(
    tmp_path: Path, opened: Callable[[Path, str], object], text: str | None, why: str
) -> None:
    key, ca = tmp_path / "key.json", tmp_path / "ca.pem"
    key.write_text('{"id": "x", "secret": "y"}')
    key.chmod(0o600)
    if text:
        ca.write_text(text)
    with pytest.raises(InputError, match=f"^SSL_CERT_FILE .*ca.pem: .*{why}"):
        opened(key, str(ca))
