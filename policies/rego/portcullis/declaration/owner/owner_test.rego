package portcullis.declaration.owner_test

import data.portcullis.declaration.owner

test_owned if count(owner.deny) == 0 with input as {"secrets": [{"name": "n", "owner": "team"}]}

test_each_kind_needs_one if {
	every kind in ["secrets", "workloads", "ci_roles", "repositories"] {
		count(owner.deny) == 1 with input as {kind: [{"name": "n"}]}
	}
}

test_blank_is_none if {
	every value in ["", "  ", 3, null] {
		count(owner.deny) == 1 with input as {"secrets": [{"name": "n", "owner": value}]}
	}
}
