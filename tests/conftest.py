"""No test writes into the repository's own reports."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "false"
"""Read when gRPC is loaded, with Pulumi. Its handler runs in each child before that is another program, and a server
that was started once hung in it."""

os.environ.update(
    GIT_CONFIG_GLOBAL=os.devnull,
    GIT_CONFIG_NOSYSTEM="1",
    GIT_CONFIG_COUNT="1",
    GIT_CONFIG_KEY_0="safe.directory",
    GIT_CONFIG_VALUE_0="*",
)
"""A developer's own hooks and signing are no part of a test's commits."""


@pytest.fixture(scope="session", autouse=True)
def _incidents(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PORTCULLIS_INCIDENTS", str(tmp_path_factory.mktemp("incidents")))
        yield
