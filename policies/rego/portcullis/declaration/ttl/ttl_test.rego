package portcullis.declaration.ttl_test

import data.portcullis.declaration.ttl

secret(tier, default_ttl, max_ttl) := {"name": "n", "tier": tier, "ttl": {"default": default_ttl, "max": max_ttl}}

test_at_each_limit if {
	at_limit := [secret("critical", 3600, 14400), secret("high", 3600, 28800), secret("standard", 3600, 43200)]
	count(ttl.deny) == 0 with input as {"secrets": at_limit}
}

test_over_each_limit if {
	every one in [secret("critical", 1, 14401), secret("high", 1, 28801), secret("standard", 1, 43201)] {
		count(ttl.deny) == 1 with input as {"secrets": [one]}
	}
}

test_what_cannot_be_judged_is_refused if {
	bad := [secret("vip", 1, 1), secret("high", 1, "8h"), secret("high", 0, 1), secret("high", 2, 1), {"name": "n"}]
	every one in bad {
		count(ttl.deny) == 1 with input as {"secrets": [one]}
	}
}

test_says_the_field_what_is_and_what_is_allowed if {
	every one, field in {secret("high", 1, 28801): "spec.ttl.max", secret("high", 9, 8): "spec.ttl.default"} {
		some found in ttl.deny with input as {"secrets": [one]}
		found.field == field
		contains(found.message, "allows a max of 28800 s")
		contains(found.message, sprintf("max is %d s and default %d s", [one.ttl.max, one.ttl.default]))
	}
}

test_without_thresholds_it_is_refused_all_the_same if {
	count(ttl.deny) == 1 with input as {"secrets": [secret("high", 1, 1)]} with data.portcullis.thresholds as {}
}
