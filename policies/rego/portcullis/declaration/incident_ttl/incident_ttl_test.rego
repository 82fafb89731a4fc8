package portcullis.declaration.incident_ttl_test

import data.portcullis.declaration.incident_ttl

test_at_the_limit if {
	count(incident_ttl.deny) == 0 with input as {"secrets": [{"name": "n", "incident_ttl": 1800}]}
}

test_over_missing_or_no_number if {
	every spec in [{"incident_ttl": 1801}, {"incident_ttl": 0}, {"incident_ttl": "15m"}, {}] {
		count(incident_ttl.deny) == 1 with input as {"secrets": [object.union({"name": "n"}, spec)]}
	}
}

test_says_what_is_and_what_is_allowed if {
	some found in incident_ttl.deny with input as {"secrets": [{"name": "n", "incident_ttl": 1801}]}
	found.field == "spec.incident.ttl"
	contains(found.message, "is 1801 s; more than 0 and at most 1800 s")
}

test_without_thresholds_it_is_refused_all_the_same if {
	asked := {"secrets": [{"name": "n", "incident_ttl": 1}]}
	count(incident_ttl.deny) == 1 with input as asked with data.portcullis.thresholds as {}
}
