"""The Pulumi program: read what is asked and what is in force, refuse or deny first, then declare the rest."""

from stacks import first

begun = first.deny()

from stacks.program import run  # noqa: E402 - the provider's library takes its time: the deny does not wait for it

run(begun)
