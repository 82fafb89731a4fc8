# METADATA
# title: Shape of the question
# description: What is asked about must be whole. A list that is missing or an item that is not an object is refused.
# custom:
#   severity: critical
#   remedy: ask with every list, each item an object with a name and a source
#   reference: NIST SP 800-53 r5, SI-10 (input validation)
package portcullis.declaration.shape

import data.portcullis.violation

kinds := {"secrets", "mounts", "workloads", "ci_roles", "repositories", "identities", "token_roles"}

deny contains violation.of(rego.metadata.chain(), {}, "", sprintf("%s is not a list", [kind])) if {
	some kind in kinds
	not listed(kind)
}

deny contains violation.of(rego.metadata.chain(), {}, "", sprintf("%s.%d is not whole", [kind, index])) if {
	some kind in kinds
	listed(kind)
	some index, item in input[kind]
	not whole(item)
}

deny contains violation.of(rego.metadata.chain(), {}, "", "there is no secret to judge") if {
	count(input.secrets) == 0
}

# Every identity is judged as it would be on the server: one that is not would be past every rule.
deny contains violation.of(rego.metadata.chain(), item, "", "its policies and grants are not told") if {
	some kind in {"workloads", "ci_roles"}
	some item in input[kind]
	not known(kind, item)
}

known(kind, item) if [kind, item.name] in told

told contains [kinds_of[identity.kind], identity.name] if {
	some identity in input.identities
	is_array(identity.policies)
	is_array(identity.rules)
}

kinds_of := {"workload": "workloads", "ci": "ci_roles"}

listed(kind) if is_array(input[kind])

whole(item) if {
	is_object(item)
	is_string(item.name)
	item.name != ""
	is_string(item.source.file)
	is_number(item.source.line)
}
