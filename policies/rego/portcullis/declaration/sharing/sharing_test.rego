package portcullis.declaration.sharing_test

import data.portcullis.declaration.sharing

static(grants) := {"name": "n", "environment": "production", "kind": "kv", "tier": "high", "grants": grants}

leased(tier) := object.union(static(two), {"kind": "database", "tier": tier})

two := [{"workload": "a"}, {"workload": "b"}]

test_one_holder if count(sharing.deny) == 0 with input as {"secrets": [static([{"workload": "a"}])]}

test_two_grants_of_one_holder if {
	count(sharing.deny) == 0 with input as {"secrets": [static([{"workload": "a"}, {"workload": "a"}])]}
}

test_two_holders_of_one_value if count(sharing.deny) == 1 with input as {"secrets": [static(two)]}

critical := object.union(static([{"workload": "a"}]), {"tier": "critical"})

role := {"name": "ci", "repository": "r", "secrets": ["n"]}

copy(name) := {"name": name, "actions_secrets": [{"name": "S", "secret": "n"}]}

test_who_deploys_holds_a_critical_one_too if {
	every holders in [{"ci_roles": [role]}, {"repositories": [copy("r")]}] {
		count(sharing.deny) == 1 with input as object.union({"secrets": [critical]}, holders)
		alone := object.union(critical, {"grants": []})
		count(sharing.deny) == 0 with input as object.union({"secrets": [alone]}, holders)
	}
	alone := object.union(critical, {"grants": []})
	count(sharing.deny) == 1 with input as {"secrets": [alone], "repositories": [copy("r"), copy("s")]}
	count(sharing.deny) == 0 with input as {"secrets": [alone], "repositories": [copy("r")], "ci_roles": [role]}
	count(sharing.deny) == 0 with input as {"secrets": [critical], "repositories": [{"name": "r", "actions_secrets": []}]}
}

test_of_a_lower_tier_who_deploys_holds_none if {
	asked := {"secrets": [static([{"workload": "a"}])], "ci_roles": [role], "repositories": [copy("r"), copy("s")]}
	count(sharing.deny) == 0 with input as asked
	count(sharing.deny) == 1 with input as json.patch(asked, [{"op": "replace", "path": "secrets/0/tier", "value": "vip"}])
}

test_a_lease_is_each_holders_own if {
	count(sharing.deny) == 0 with input as {"secrets": [leased("high"), leased("standard")]}
	count(sharing.deny) == 1 with input as {"secrets": [leased("critical")]}
}

test_staging_may_share if {
	count(sharing.deny) == 0 with input as {"secrets": [object.union(static(two), {"environment": "staging"})]}
}

test_what_cannot_be_judged_is_refused if {
	every bad in [static("a"), static([{}]), static([{"workload": 1}]), leased("vip"), {"name": "n"}] {
		count(sharing.deny) == 1 with input as {"secrets": [bad]}
	}
}
