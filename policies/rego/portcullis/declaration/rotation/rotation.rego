# METADATA
# title: Rotation of critical secrets
# description: A static secret of the critical tier is rotated every 30 days or oftener.
# custom:
#   severity: high
package portcullis.declaration.rotation

import data.portcullis.thresholds
import data.portcullis.violation

# The message reads no data: were it undefined, the denial would vanish with it.
deny contains violation.of("rotation", secret, message, "set spec.rotation.period to 30d or less") if {
	some secret in input.secrets
	not often_enough(secret)
	message := "a static critical secret is rotated less often than every 30 days, or its period is unknown"
}

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
