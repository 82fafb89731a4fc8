# METADATA
# title: For how long
# description: What is issued by hand ends within the hour, and within half an hour while an incident is open.
# custom:
#   severity: high
#   remedy: ask for a shorter ttl
#   reference: OWASP Secrets Management Cheat Sheet, 2.6.2 (short-lived credentials); thresholds issue_ttl_max_seconds
package portcullis.issue.duration

import data.portcullis.issue.incident_state
import data.portcullis.thresholds

deny contains sprintf("the ttl is not between 1 and %d s", [limit]) if not bounded

default limit := 0

limit := thresholds.issue_ttl_max_seconds.incident if {
	incident_state.known
	count(incident_state.open) > 0
}

limit := thresholds.issue_ttl_max_seconds.peace if {
	incident_state.known
	count(incident_state.open) == 0
}

bounded if {
	is_number(input.ttl)
	input.ttl > 0
	input.ttl <= limit
}
