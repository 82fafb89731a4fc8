# METADATA
# title: Issue
# description: A credential is issued to a requester who may have the role, for a bounded time, unless an incident pauses it.
# custom:
#   severity: critical
package portcullis.issue

import data.portcullis.thresholds

default allow := false

allow if {
	entitled
	incidents_known
	bounded
	count(pausing) == 0
}

reasons contains "the requester is not known to hold the role" if not entitled

reasons contains "the incidents are not known" if not incidents_known

reasons contains sprintf("the ttl is not between 1 and %d s", [limit]) if not bounded

reasons contains sprintf("role %s is paused by incident %s", [input.role, id]) if some id in pausing

default limit := 0

limit := thresholds.issue_ttl_max_seconds.incident if {
	incidents_known
	count(open) > 0
}

limit := thresholds.issue_ttl_max_seconds.peace if {
	incidents_known
	count(open) == 0
}

bounded if {
	is_number(input.ttl)
	input.ttl > 0
	input.ttl <= limit
}

entitled if {
	is_string(input.requester.name)
	input.requester.name != ""
	is_string(input.role)
	input.role != ""
	is_array(input.requester.roles)
	input.role in input.requester.roles
}

incidents_known if {
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

pausing contains incident.id if {
	some incident in open
	input.role in incident.paused_roles
}
