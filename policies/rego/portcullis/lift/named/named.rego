# METADATA
# title: The incident that was named
# description: A lift names the one open incident that it lifts.
# custom:
#   severity: critical
#   remedy: name the id of the open incident
#   reference: docs/runbook_secret_leak.md
package portcullis.lift.named

deny contains "the open incident that was named" if not open

open if {
	is_string(input.requested_id)
	input.requested_id != ""
	input.incident.id == input.requested_id
	input.incident.state == "open"
}
