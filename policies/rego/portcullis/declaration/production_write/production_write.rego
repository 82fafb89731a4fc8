# METADATA
# title: Writes in production
# description: |
#   A workload reads production secrets and changes none. A database role that writes is a decision of its own, and stands
#   in the list of those that may.
# custom:
#   severity: high
#   remedy: grant read only, or have the secret put on production_writers
#   reference: NIST SP 800-53 r5, AC-6 (least privilege); thresholds writing_grants, production_writers
package portcullis.declaration.production_write

import data.portcullis.thresholds
import data.portcullis.violation

deny contains violation.of(rego.metadata.chain(), secret, field, message) if {
	some secret in input.secrets
	not secret.environment == "staging"
	not listed(secret)
	some index, grant in secret.grants
	not reads(grant)
	field := sprintf("spec.grants[%d].capabilities", [index])
	message := sprintf("%v may change it in production", [violation.said(grant, "workload")])
}

deny contains violation.of(rego.metadata.chain(), secret, "spec.secret.grant", message) if {
	some secret in input.secrets
	not secret.environment == "staging"
	not listed(secret)
	not reads_only(secret)
	message := sprintf("database grant %v writes in production, or is not known to read only", [violation.said(secret, ["secret", "grant"])])
}

listed(secret) if secret.name in thresholds.production_writers

reads(grant) if {
	is_array(grant.capabilities)
	every capability in grant.capabilities { capability in {"read", "list"} }
}

reads_only(secret) if secret.kind == "kv"

reads_only(secret) if {
	is_string(secret.secret.grant)
	is_array(thresholds.writing_grants)
	not secret.secret.grant in thresholds.writing_grants
}
