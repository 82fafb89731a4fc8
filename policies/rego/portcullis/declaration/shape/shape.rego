# METADATA
# title: Shape
# description: What is asked about must be whole. A list that is missing or an item that is not an object is refused.
# custom:
#   severity: critical
package portcullis.declaration.shape

import data.portcullis.violation

kinds := {"secrets", "workloads", "ci_roles", "repositories"}

remedy := "ask with every list, each item an object with a name and a source"

deny contains violation.of("shape", {}, "", sprintf("%s is not a list", [kind]), remedy) if {
	some kind in kinds
	not listed(kind)
}

deny contains violation.of("shape", {}, "", sprintf("%s.%d is not whole", [kind, index]), remedy) if {
	some kind in kinds
	listed(kind)
	some index, item in input[kind]
	not whole(item)
}

deny contains violation.of("shape", {}, "", "there is no secret to judge", remedy) if {
	count(input.secrets) == 0
}

listed(kind) if is_array(input[kind])

whole(item) if {
	is_object(item)
	is_string(item.name)
	item.name != ""
	is_string(item.source.file)
	is_number(item.source.line)
}
