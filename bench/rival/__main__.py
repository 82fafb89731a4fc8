"""The plain program: the gate is one resource among the others, awaited by nobody, and nothing is revoked or probed."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import pulumi
import pulumi_vault as vault

from containment import names
from containment.compiled import gate
from containment.incidents.incident import Incident, Scope, State
from containment.incidents.scope import affected
from policies.load import load
from stacks.access import Context, declare

locked = pulumi.Config().get("incident") == "true"
estate = load()
incidents = (Incident("RIVAL", Scope(everything=True), State.OPEN, opened_at=1),) if locked else ()
context = Context(estate, affected(estate, incidents), incidents, 1, "all")


def capped_by_pulumi(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult:
    args.opts.ignore_changes = []
    return pulumi.ResourceTransformationResult(args.props, args.opts)


pulumi.runtime.register_stack_transformation(capped_by_pulumi)
vault.Policy(names.GATE, name=names.GATE, policy=gate.gate(context.affected))
pulumi.run(lambda: declare(context))
