package portcullis.declaration.login_ttl_test

import data.portcullis.declaration.login_ttl

secret(tier) := {"name": tier, "tier": tier, "grants": [{"workload": "w"}]}

estate(seconds, tiers) := {
	"workloads": [{"name": "w", "ttl": {"max": seconds}}],
	"secrets": [secret(tier) | some tier in tiers],
	"ci_roles": [],
}

test_the_highest_tier_counts if {
	count(login_ttl.deny) == 0 with input as estate(14400, ["standard", "critical"])
	count(login_ttl.deny) == 1 with input as estate(14401, ["standard", "critical"])
	count(login_ttl.deny) == 0 with input as estate(28800, ["standard", "high"])
	count(login_ttl.deny) == 1 with input as estate(28801, ["standard", "high"])
	count(login_ttl.deny) == 0 with input as estate(43200, [])
	count(login_ttl.deny) == 1 with input as estate(43201, [])
}

test_a_ci_role_has_half_an_hour if {
	count(login_ttl.deny) == 0 with input as {"ci_roles": [{"name": "c", "ttl": {"max": 1800}}]}
	count(login_ttl.deny) == 1 with input as {"ci_roles": [{"name": "c", "ttl": {"max": 1801}}]}
}

test_what_cannot_be_judged_is_refused if {
	every bad in ["4h", 0, null] { count(login_ttl.deny) == 1 with input as estate(bad, []) }
	count(login_ttl.deny) == 2 with input as {"workloads": [{"name": "w"}], "ci_roles": [{"name": "c"}]}
	count(login_ttl.deny) == 1 with input as estate(1, []) with data.portcullis.thresholds as {}
}
