package portcullis.resource_test

import data.portcullis.resource

policy := {
	"op": "update",
	"type": "vault:index/policy:Policy",
	"name": "pc-w-a",
	"old": {},
	"new": {"name": "pc-w-a", "policy": `{"path": {"secret/data/a": {"capabilities": ["read"]}}}`},
}

protection := {
	"op": "update",
	"type": "github:index/branchProtection:BranchProtection",
	"name": "r",
	"old": {},
	"new": {"requiredPullRequestReviews": [{"requiredApprovingReviewCount": 1}]},
}

declared := {"pc-w-a": {"secret/data/a": ["read"]}}

asked(step) := {"steps": [step], "policies": declared}

test_what_is_declared_is_allowed if {
	every step in [policy, protection, {"op": "update", "type": "t", "name": "n", "old": {}, "new": {}}] {
		resource.allow with input as asked(step)
	}
}

test_what_is_not_is_denied_by_its_rule if {
	not resource.allow with input as {"steps": [policy], "policies": {"pc-w-a": {}}}
	{found.rule | some found in resource.deny} == {"undeclared_policy"} with input as {"steps": [policy], "policies": {}}
	loose := object.union(protection, {"new": {"requiredPullRequestReviews": []}})
	not resource.allow with input as asked(loose)
	{found.rule | some found in resource.deny} == {"repository_protection"} with input as asked(loose)
}

test_nothing_told_is_denied if {
	every spec in [{}, {"steps": []}, {"steps": [policy]}, {"policies": declared}] {
		not resource.allow with input as spec
	}
}
