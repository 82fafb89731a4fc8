package portcullis.issue.incident_state_test

import data.portcullis.issue.incident_state

incident := {"id": "I", "state": "open", "paused_roles": []}

test_known if {
	count(incident_state.deny) == 0 with input as {"incidents": []}
	count(incident_state.deny) == 0 with input as {"incidents": [incident]}
	count(incident_state.open) == 1 with input as {"incidents": [incident, object.union(incident, {"state": "lifted"})]}
}

test_not_known if {
	count(incident_state.deny) == 1 with input as {}
	count(incident_state.deny) == 1 with input as {"incidents": "none"}
	every changed in [{"state": "unknown"}, {"paused_roles": "cicd"}, {"id": 1}] {
		count(incident_state.deny) == 1 with input as {"incidents": [object.union(incident, changed)]}
	}
}
