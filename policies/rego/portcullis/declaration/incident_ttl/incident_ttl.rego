# METADATA
# title: Incident TTL
# description: Until an incident is over, a dynamic credential lives half an hour or less.
# custom:
#   severity: critical
package portcullis.declaration.incident_ttl

import data.portcullis.thresholds
import data.portcullis.violation

# The message reads no data: were it undefined, the denial would vanish with it.
deny contains violation.of("incident_ttl", secret, message, "set spec.incident.ttl to 30m or less") if {
	some secret in input.secrets
	not bounded(secret)
	message := "incident ttl is longer than half an hour, or unknown"
}

bounded(secret) if {
	is_number(secret.incident_ttl)
	secret.incident_ttl > 0
	secret.incident_ttl <= thresholds.incident_ttl_max_seconds
}
