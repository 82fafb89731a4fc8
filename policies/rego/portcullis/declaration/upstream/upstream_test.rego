package portcullis.declaration.upstream_test

import data.portcullis.declaration.upstream

static(value) := {"secrets": [{"name": "n", "kind": "kv", "upstream": value}]}

test_named if count(upstream.deny) == 0 with input as static({"name": "exchange", "account": "a"})

test_the_database_is_its_own if count(upstream.deny) == 0 with input as {"secrets": [{"name": "n", "kind": "database"}]}

test_missing_or_blank if {
	every bad in [null, {}, {"name": "x"}, {"name": "", "account": "a"}, {"name": "x", "account": ""}, {"name": 1, "account": 2}] {
		count(upstream.deny) == 1 with input as static(bad)
	}
	count(upstream.deny) == 1 with input as {"secrets": [{"name": "n"}]}
}
