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
