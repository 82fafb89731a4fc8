package portcullis.declaration.tier_test

import data.portcullis.declaration.tier

test_known if {
	every one in ["critical", "high", "standard"] {
		count(tier.deny) == 0 with input as {"secrets": [{"name": "n", "tier": one}]}
	}
}

test_missing_or_unknown if {
	every spec in [{}, {"tier": "vip"}, {"tier": 1}, {"tier": null}] {
		count(tier.deny) == 1 with input as {"secrets": [object.union({"name": "n"}, spec)]}
	}
}
