# METADATA
# title: Resource
# description: |
#   One resource as Pulumi is about to create or update it, before what it was or whether it was at all is known: whether it is
#   declared, and the rules of a plan that need neither. A plan says more (`portcullis check --plan`).
# custom:
#   severity: critical
#   remedy: mend what each violation names
#   reference: README.md
package portcullis.resource

import data.portcullis.plan.repository_protection
import data.portcullis.plan.undeclared_policy
import data.portcullis.resource.undeclared_resource

default allow := false

allow if {
	is_array(input.steps)
	count(input.steps) > 0
	is_object(input.policies)
	is_object(input.resources)
	count(deny) == 0
}

deny := (repository_protection.deny | undeclared_policy.deny) | undeclared_resource.deny
