package portcullis.declaration.rotation_test

import data.portcullis.declaration.rotation

critical := {"name": "n", "kind": "kv", "tier": "critical", "rotation_period": 2592000}

test_at_the_limit if count(rotation.deny) == 0 with input as {"secrets": [critical]}

test_a_lower_tier_has_more_time if {
	count(rotation.deny) == 0 with input as {"secrets": [object.union(critical, {"tier": "high", "rotation_period": 7776000})]}
	count(rotation.deny) == 1 with input as {"secrets": [object.union(critical, {"tier": "high", "rotation_period": 7776001})]}
}

test_a_lease_ends_by_itself if {
	count(rotation.deny) == 0 with input as {"secrets": [{"name": "d", "kind": "database"}]}
}

test_too_rare_or_unknown if {
	every spec in [{"rotation_period": 2592001}, {"rotation_period": 0}, {"rotation_period": "30d"}, {"tier": "vip"}, {"kind": "x"}] {
		count(rotation.deny) == 1 with input as {"secrets": [object.union(critical, spec)]}
	}
}

test_nothing_said if count(rotation.deny) == 1 with input as {"secrets": [{"name": "n"}]}

test_says_what_is_and_what_is_allowed if {
	secrets := [object.union(critical, {"rotation_period": 2592001})]
	some found in rotation.deny with input as {"secrets": secrets}
	found.field == "spec.rotation.period"
	contains(found.message, "every 2592001 s; at most 2592000 s")
}

test_without_thresholds_it_is_refused_all_the_same if {
	count(rotation.deny) == 1 with input as {"secrets": [critical]} with data.portcullis.thresholds as {}
}
