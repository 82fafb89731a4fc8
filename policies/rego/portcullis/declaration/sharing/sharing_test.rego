package portcullis.declaration.sharing_test

import data.portcullis.declaration.sharing

critical(grants) := {"name": "n", "environment": "production", "tier": "critical", "grants": grants}

two := [{"workload": "a"}, {"workload": "b"}]

test_one_holder if count(sharing.deny) == 0 with input as {"secrets": [critical([{"workload": "a"}])]}

test_two_grants_of_one_holder if {
	count(sharing.deny) == 0 with input as {"secrets": [critical([{"workload": "a"}, {"workload": "a"}])]}
}

test_two_holders if count(sharing.deny) == 1 with input as {"secrets": [critical(two)]}

test_staging_and_lower_tiers_may_share if {
	every spec in [{"environment": "staging"}, {"tier": "high"}] {
		count(sharing.deny) == 0 with input as {"secrets": [object.union(critical(two), spec)]}
	}
}

test_what_cannot_be_judged_is_refused if {
	every bad in [critical("a"), critical([{}]), critical([{"workload": 1}]), {"name": "n"}] {
		count(sharing.deny) == 1 with input as {"secrets": [bad]}
	}
}
