"""Registering many resources: a batch at a time, since what waits costs the SDK time with the square of its number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

import pulumi
from pulumi.runtime.stack import ResourceRegistrationFailed

T = TypeVar("T")
_BATCH = 100


def batches(things: tuple[T, ...]) -> Iterator[tuple[T, ...]]:
    for begin in range(0, len(things), _BATCH):
        yield things[begin : begin + _BATCH]


async def registered(resources: Iterable[pulumi.CustomResource | None]) -> list[str]:
    """When each has had its turn. One that failed fails the update, and stops nothing else. Returns the names of
    those."""
    failed: list[str] = []
    for resource in list(resources):
        if resource is not None:
            try:
                await resource.id.future()
            except ResourceRegistrationFailed:
                failed.append(resource.pulumi_resource_name)
    return failed
