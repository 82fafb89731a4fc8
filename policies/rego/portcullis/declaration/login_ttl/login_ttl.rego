# METADATA
# title: TTL of logins
# description: A token lives no longer than the most valuable secret that it reads allows; a CI role's no longer than a job.
# custom:
#   severity: high
#   remedy: shorten spec.ttl.max of the identity
#   reference: OWASP Secrets Management Cheat Sheet, 2.6.2 (short-lived credentials); thresholds login_ttl_max_seconds
package portcullis.declaration.login_ttl

import data.portcullis.thresholds
import data.portcullis.violation

deny contains violation.of(rego.metadata.chain(), workload, "spec.ttl.max", message) if {
	some workload in input.workloads
	tier := tier_of(workload)
	not bounded(workload, tier)
	message := told(workload, tier)
}

deny contains violation.of(rego.metadata.chain(), role, "spec.ttl.max", message) if {
	some role in input.ci_roles
	not bounded(role, "ci")
	message := told(role, "ci")
}

told(item, tier) := sprintf("a token lives up to %v s; %s allows %v s", [violation.said(item, ["ttl", "max"]), tier, limit(tier)])

# Never undefined: the message reads it, and the denial would vanish with the message.
default limit(_) := "(unknown)"

limit(tier) := thresholds.login_ttl_max_seconds[tier]

bounded(item, tier) if {
	is_number(item.ttl.max)
	item.ttl.max > 0
	item.ttl.max <= thresholds.login_ttl_max_seconds[tier]
}

default tier_of(_) := "standard"

tier_of(workload) := "critical" if {
	[workload.name, "critical"] in granted
} else := "high" if [workload.name, "high"] in granted

# Pairs, not sets by workload: asked for by key, a partial object is worked out anew for each.
granted contains [grant.workload, secret.tier] if {
	some secret in input.secrets
	some grant in secret.grants
}
