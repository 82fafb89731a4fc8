"""Registering many resources: a batch at a time, since what waits costs the SDK time with the square of its number; and
whether each of them is in the state as it is declared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import pulumi
from pulumi.runtime.stack import ResourceRegistrationFailed

T = TypeVar("T")
_BATCH = 100
_TOLD = ("policy", "lock_branch", "enforcement", "enabled", "enabled_repositories")
"""Inputs that a lock-down changes, and that their provider gives back as they are."""


def batches(things: tuple[T, ...]) -> Iterator[tuple[T, ...]]:
    for begin in range(0, len(things), _BATCH):
        yield things[begin : begin + _BATCH]


async def registered(resources: Iterable[pulumi.CustomResource | None]) -> list[pulumi.CustomResource]:
    """When each has had its turn. One that failed fails the update, and stops nothing else. Returns those."""
    failed: list[pulumi.CustomResource] = []
    for resource in list(resources):
        if resource is not None:
            try:
                await resource.id.future()
            except ResourceRegistrationFailed:
                failed.append(resource)
    return failed


class Watch:
    """Sees every resource that is declared from now on."""

    def __init__(self) -> None:
        self._seen: list[tuple[pulumi.CustomResource, dict[str, Any]]] = []
        pulumi.runtime.register_stack_transformation(self._see)

    def _see(self, args: pulumi.ResourceTransformationArgs) -> None:
        if isinstance(args.resource, pulumi.CustomResource):
            told = {name: args.props[name] for name in _TOLD if args.props.get(name) is not None}
            self._seen.append((args.resource, told))

    async def failed(self, kind: type[pulumi.CustomResource]) -> list[str]:
        """Names of those of a kind that could not be made or changed, when each has had its turn."""
        failed = await registered(resource for resource, _ in self._seen if isinstance(resource, kind))
        return sorted(resource.pulumi_resource_name for resource in failed)

    async def missing(self, beside: Iterable[pulumi.CustomResource]) -> list[str]:
        """Names of those, but for `beside`, that the state does not have as they are declared, when each has had its
        turn: they failed, or `--target` or `--exclude` left them out, which the engine answers with what was there
        before."""
        known = {id(resource) for resource in beside}
        seen = [(resource, told) for resource, told in self._seen if id(resource) not in known]
        failed = await registered(resource for resource, _ in seen)
        return sorted(
            {r.pulumi_resource_name for r in [*failed, *[r for r, told in seen if not await _as_told(r, told)]]}
        )


async def _as_told(resource: pulumi.CustomResource, told: dict[str, Any]) -> bool:
    try:
        return all([await getattr(resource, name).future() == value for name, value in told.items()])
    except ResourceRegistrationFailed:
        return False
