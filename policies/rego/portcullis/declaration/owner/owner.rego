# METADATA
# title: Owner
# description: Everything that holds or uses a secret has somebody to call at night.
# custom:
#   severity: high
#   remedy: name the owning team in spec.owner
#   reference: CIS Controls v8, 5.1 (inventory of accounts, with their owners)
package portcullis.declaration.owner

import data.portcullis.violation

deny contains violation.of(rego.metadata.chain(), item, "spec.owner", "has no owner") if {
	some kind in {"secrets", "workloads", "ci_roles", "repositories"}
	some item in input[kind]
	not owned(item)
}

owned(item) if {
	is_string(item.owner)
	trim_space(item.owner) != ""
}
