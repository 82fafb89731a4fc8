# METADATA
# title: TTL by tier
# description: The more a secret is worth, the shorter its credentials live; an unknown tier has no allowance.
# custom:
#   severity: high
#   remedy: shorten it to the limit of the tier
#   reference: OWASP Secrets Management Cheat Sheet, 2.6.2 (short-lived credentials); thresholds ttl_max_seconds
package portcullis.declaration.ttl

import data.portcullis.thresholds
import data.portcullis.violation

deny contains violation.of(rego.metadata.chain(), secret, field(secret), message) if {
	some secret in input.secrets
	not bounded(secret)
	tier := violation.said(secret, "tier")
	is := [violation.said(secret, ["ttl", "max"]), violation.said(secret, ["ttl", "default"]), tier, limit(tier)]
	message := sprintf("ttl max is %v s and default %v s; tier %v allows a max of %v s and no default above it", is)
}

field(secret) := "spec.ttl.default" if {
	secret.ttl.max <= thresholds.ttl_max_seconds[secret.tier]
} else := "spec.ttl.max"

# Never undefined: the message reads it, and the denial would vanish with the message.
default limit(_) := "(unknown)"

limit(tier) := thresholds.ttl_max_seconds[tier]

bounded(secret) if {
	is_number(secret.ttl.max)
	is_number(secret.ttl.default)
	secret.ttl.default > 0
	secret.ttl.default <= secret.ttl.max
	secret.ttl.max <= thresholds.ttl_max_seconds[secret.tier]
}
