"""No test writes into the repository's own reports."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def _incidents(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PORTCULLIS_INCIDENTS", str(tmp_path_factory.mktemp("incidents")))
        yield
