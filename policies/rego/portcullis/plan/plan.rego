# METADATA
# title: Plan
# description: |
#   What `pulumi preview --json` would change is allowed when the plan is whole and no rule objects. Steps carry `op`, `type`,
#   `name`, and the inputs as they are (`old`) and would be (`new`); `resources` is what the declarations give of them.
# custom:
#   severity: critical
#   remedy: mend what each violation names
#   reference: README.md
package portcullis.plan

import data.portcullis.plan.audit_removal
import data.portcullis.plan.declared_removal
import data.portcullis.plan.incident_weakening
import data.portcullis.plan.mount_removal
import data.portcullis.plan.plan_shape
import data.portcullis.plan.repository_protection
import data.portcullis.plan.undeclared_policy
import data.portcullis.resource.undeclared_resource

default allow := false

allow if {
	is_array(input.steps)
	count(deny) == 0
}

deny := union({
	audit_removal.deny,
	declared_removal.deny,
	incident_weakening.deny,
	mount_removal.deny,
	plan_shape.deny,
	repository_protection.deny,
	undeclared_policy.deny,
	undeclared_resource.deny,
})
