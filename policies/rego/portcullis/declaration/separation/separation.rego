# METADATA
# title: Separation of duties
# description: Secrets that check each other are held by different identities, CI roles included.
# custom:
#   severity: critical
#   remedy: give one of the two to another workload
#   reference: NIST SP 800-53 r5, AC-5 (separation of duties); thresholds separated_secrets
package portcullis.declaration.separation

import data.portcullis.thresholds
import data.portcullis.violation

deny contains violation.of(rego.metadata.chain(), identity, "spec", message) if {
	some identity in input.identities
	some pair in thresholds.separated_secrets
	every name in pair { name in held(identity) }
	message := sprintf("holds %s together", [concat(" and ", pair)])
}

deny contains violation.of(rego.metadata.chain(), {}, "", "the list of separated secrets is missing") if {
	not listed
}

listed if is_array(thresholds.separated_secrets)

held(identity) := {rule.secret | some rule in identity.rules}
