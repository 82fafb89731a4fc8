# METADATA
# title: Rotation of static secrets
# description: A static secret does not grow old; the more it is worth, the sooner it is replaced.
# custom:
#   severity: high
#   remedy: set it to the limit of the tier or less
#   reference: NIST SP 800-57 part 1 r5, 5.3 (cryptoperiods); thresholds rotation_max_seconds
package portcullis.declaration.rotation

import data.portcullis.thresholds
import data.portcullis.violation

deny contains violation.of(rego.metadata.chain(), secret, "spec.rotation.period", message) if {
	some secret in input.secrets
	not often_enough(secret)
	tier := violation.said(secret, "tier")
	is := [tier, violation.said(secret, "rotation_period"), limit(tier)]
	message := sprintf("a static secret of tier %v is rotated every %v s; at most %v s is allowed", is)
}

# Never undefined: the message reads it, and the denial would vanish with the message.
default limit(_) := "(unknown)"

limit(tier) := thresholds.rotation_max_seconds[tier]

often_enough(secret) if secret.kind == "database"

often_enough(secret) if {
	secret.kind == "kv"
	is_number(secret.rotation_period)
	secret.rotation_period > 0
	secret.rotation_period <= thresholds.rotation_max_seconds[secret.tier]
}
