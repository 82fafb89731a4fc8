# METADATA
# title: Shape of the plan
# description: |
#   A plan is judged whole or not at all. A preview that failed lists nothing that it would change, and looks like one that
#   changes nothing.
# custom:
#   severity: critical
#   remedy: give the output of `pulumi preview --json` that succeeded, with the servers reachable
#   reference: Pulumi documentation, "pulumi preview", --json
package portcullis.plan.plan_shape

import data.portcullis.violation

known := {
	"same",
	"create",
	"update",
	"delete",
	"replace",
	"create-replacement",
	"delete-replaced",
	"read",
	"read-replacement",
	"refresh",
	"import",
}

deny contains violation.of(rego.metadata.chain(), {}, "", message) if {
	some what, message in {
		"steps": "the plan has no list of steps",
		"errors": "whether the preview succeeded is not told",
		"policies": "what policies may grant is not told",
		"resources": "what is declared is not told",
		"open_incidents": "whether an incident is open is not told",
		"lifting": "whether an incident is lifted is not told",
	}
	not told(what)
}

deny contains violation.of(rego.metadata.chain(), {}, "", sprintf("the preview failed: %s", [message])) if {
	some message in input.errors
}

deny contains violation.of(rego.metadata.chain(), step, "", "a step that is not understood") if {
	some step in input.steps
	not whole(step)
}

told(what) if {
	what in {"policies", "resources"}
	is_object(input[what])
}

told("lifting") if is_boolean(input.lifting)

told(what) if {
	what in {"steps", "errors", "open_incidents"}
	is_array(input[what])
}

whole(step) if {
	step.op in known
	is_string(step.type)
	is_string(step.name)
	is_object(step.old)
	is_object(step.new)
}
