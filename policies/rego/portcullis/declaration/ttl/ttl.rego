# METADATA
# title: TTL by tier
# description: The more a secret is worth, the shorter it lives; an unknown tier has no allowance.
# custom:
#   severity: high
package portcullis.declaration.ttl

import data.portcullis.thresholds
import data.portcullis.violation

# The message reads no data: were it undefined, the denial would vanish with it.
deny contains violation.of("ttl", secret, message, "shorten spec.ttl to the limit of the tier") if {
	some secret in input.secrets
	not bounded(secret)
	message := "ttl max is longer than its tier allows, or default and max do not fit"
}

bounded(secret) if {
	is_number(secret.ttl.max)
	is_number(secret.ttl.default)
	secret.ttl.default > 0
	secret.ttl.default <= secret.ttl.max
	secret.ttl.max <= thresholds.ttl_max_seconds[secret.tier]
}
