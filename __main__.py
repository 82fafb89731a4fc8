"""The Pulumi program: read what is asked and what is in force, refuse or deny first, then declare the rest."""

from stacks.program import run

run()
