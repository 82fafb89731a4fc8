"""No test writes into the repository's own reports."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "false"
"""Read when gRPC is loaded, with Pulumi. Its handler runs in each child before that is another program, and a server
that was started once hung in it."""


@pytest.fixture(scope="session", autouse=True)
def _incidents(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PORTCULLIS_INCIDENTS", str(tmp_path_factory.mktemp("incidents")))
        yield
