# METADATA
# title: What is declared stays
# description: |
#   No plan deletes what is declared: the gate, a policy, a login or a role. `resources` holds what the declarations give, by
#   type and name. A policy is known by its name alone, so one that is replaced is deleted after it was written anew.
# custom:
#   severity: critical
#   remedy: take the declaration away first, or leave the resource as it is
#   reference: NIST SP 800-53 r5, CM-3 (configuration change control)
package portcullis.plan.declared_removal

import data.portcullis.violation

deny contains violation.of(rego.metadata.chain(), step, step.type, message) if {
	some step in input.steps
	gone(step)
	input.resources[step.type][step.name]
	message := sprintf("%v is declared, and would be deleted", [step.name])
}

gone(step) if step.op == "delete"

gone(step) if {
	step.op in {"replace", "delete-replaced"}
	step.type == "vault:index/policy:Policy"
}
