# METADATA
# title: Owner
# description: Everything that holds or uses a secret has somebody to call at night.
# custom:
#   severity: high
package portcullis.declaration.owner

import data.portcullis.violation

deny contains violation.of("owner", item, "spec.owner", "has no owner", "name the owning team in spec.owner") if {
	some kind in {"secrets", "workloads", "ci_roles", "repositories"}
	some item in input[kind]
	not owned(item)
}

owned(item) if {
	is_string(item.owner)
	trim_space(item.owner) != ""
}
