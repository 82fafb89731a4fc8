# METADATA
# title: Sharing
# description: A critical production credential has one holder, so that a leak has one source and one victim.
# custom:
#   severity: critical
package portcullis.declaration.sharing

import data.portcullis.violation

remedy := "declare a secret of its own for each workload"

deny contains violation.of("sharing", secret, "spec.grants", message, remedy) if {
	some secret in input.secrets
	not unshared(secret)
	message := "a critical production credential is not known to have one holder"
}

unshared(secret) if secret.environment == "staging"

unshared(secret) if secret.tier in {"high", "standard"}

unshared(secret) if {
	is_array(secret.grants)
	every grant in secret.grants { is_string(grant.workload) }
	count({grant.workload | some grant in secret.grants}) <= 1
}
