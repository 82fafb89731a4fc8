# METADATA
# title: Incident TTL
# description: Until an incident is over, a dynamic credential lives half an hour or less.
# custom:
#   severity: critical
#   remedy: set it to the limit or less
#   reference: NIST SP 800-61r2, 3.3 (containment); thresholds incident_ttl_max_seconds
package portcullis.declaration.incident_ttl

import data.portcullis.thresholds
import data.portcullis.violation

deny contains violation.of(rego.metadata.chain(), secret, "spec.incident.ttl", message) if {
	some secret in input.secrets
	not bounded(secret)
	is := violation.said(secret, "incident_ttl")
	message := sprintf("incident ttl is %v s; more than 0 and at most %v s is allowed", [is, limit])
}

# Never undefined: the message reads it, and the denial would vanish with the message.
default limit := "(unknown)"

limit := thresholds.incident_ttl_max_seconds

bounded(secret) if {
	is_number(secret.incident_ttl)
	secret.incident_ttl > 0
	secret.incident_ttl <= thresholds.incident_ttl_max_seconds
}
