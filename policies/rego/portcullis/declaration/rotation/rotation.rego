# METADATA
# title: Rotation of critical secrets
# description: A static secret of the critical tier is rotated every 30 days or oftener.
# custom:
#   severity: high
package portcullis.declaration.rotation

import data.portcullis.thresholds
import data.portcullis.violation

deny contains violation.of("rotation", secret, "spec.rotation.period", message, "set it to the limit or less") if {
	some secret in input.secrets
	not often_enough(secret)
	is := violation.said(secret, "rotation_period")
	message := sprintf("a static critical secret is rotated every %v s; at most %v s is allowed", [is, limit])
}

# Never undefined: the message reads it, and the denial would vanish with the message.
default limit := "(unknown)"

limit := thresholds.critical_kv_rotation_max_seconds

often_enough(secret) if secret.kind == "database"

often_enough(secret) if {
	secret.kind == "kv"
	secret.tier in {"high", "standard"}
}

often_enough(secret) if {
	secret.kind == "kv"
	secret.tier == "critical"
	is_number(secret.rotation_period)
	secret.rotation_period > 0
	secret.rotation_period <= thresholds.critical_kv_rotation_max_seconds
}
