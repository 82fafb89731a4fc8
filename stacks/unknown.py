"""Login roles that are on the server and not in Pulumi's state: an update that is killed while they are made leaves
them there, and so does a state that is lost. No update can make them over what is there, and none says what to do."""

from __future__ import annotations

import asyncio
from functools import partial
from itertools import islice

import pulumi
import pulumi_vault as vault_sdk

from containment import names
from containment.adapters.vault import HvacVault
from policies.errors import PortcullisError
from stacks.access import WORKLOAD
from stacks.registration import Watch

MOST = 10
_SAYS = "local_secret_ids can only be modified during role creation"


async def words(vault: HvacVault, watch: Watch) -> list[str]:
    """What to say, a line each: which login roles failed while the server has them, and the commands by which the state
    takes them as they are. Nothing where the server does not answer, as what failed has said by then."""
    failed = await watch.failed(vault_sdk.approle.AuthBackendRole)
    try:
        there = await asyncio.to_thread(lambda: list(islice(filter(partial(_stands, vault), failed), MOST + 1)))
    except PortcullisError:
        return []
    if not there:
        return []
    more = " and more, which the next run names" if len(there) > MOST else ""
    return [
        f"login roles that failed are on the server: {', '.join(there[:MOST])}{more}. Where Pulumi says of one "
        f"`{_SAYS}`, its state does not know it, as after an update that was killed, and no update makes one over it: "
        "the commands below take it into the state with its secret_ids, then the same command again",
        *map(_import, there[:MOST]),
    ]


def _stands(vault: HvacVault, name: str) -> bool:
    return vault.read(_path(name)) is not None


def _path(name: str) -> str:
    return f"auth/{names.APPROLE}/role/{name}"


def _import(name: str) -> str:
    """As the program declares it. Its parent's name here is any but its own, which it would be taken for."""
    stack = pulumi.get_stack()
    parent = f"urn:pulumi:{stack}::{pulumi.get_project()}::{WORKLOAD}::{name}"
    return (
        f"pulumi import --stack {stack} --yes --protect=false --generate-code=false "
        f"vault:appRole/authBackendRole:AuthBackendRole {name} {_path(name)} --parent parent={parent}"
    )
