# METADATA
# title: State of the incidents
# description: Nothing is issued while it is not known whether an incident is open, and what it pauses.
# custom:
#   severity: critical
#   remedy: ask again when the server that holds the incidents answers
#   reference: NIST SP 800-61r2, 3.3 (containment)
package portcullis.issue.incident_state

deny contains "the incidents are not known" if not known

known if {
	is_array(input.incidents)
	every incident in input.incidents {
		is_string(incident.id)
		incident.state in {"open", "lifted"}
		is_array(incident.paused_roles)
	}
}

open contains incident if {
	some incident in input.incidents
	incident.state == "open"
}
