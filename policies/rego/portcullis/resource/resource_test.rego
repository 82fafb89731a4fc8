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

resources(step) := {step.type: {step.name: {field: {"all": []} | some field, _ in step.new}}}

asked(step) := {"steps": [step], "policies": declared, "resources": resources(step)}

test_what_is_declared_is_allowed if {
	every step in [policy, protection, {"op": "update", "type": "t", "name": "n", "old": {}, "new": {}}] {
		resource.allow with input as asked(step)
	}
}

test_what_is_not_is_denied_by_its_rule if {
	less := object.union(asked(policy), {"policies": {"pc-w-a": {"secret/data/a": []}}})
	not resource.allow with input as less
	{found.rule | some found in resource.deny} == {"undeclared_policy"} with input as less
	{found.rule | some found in resource.deny} == {"undeclared_resource"} with input as {
		"steps": [policy],
		"policies": declared,
		"resources": {},
	}
	loose := object.union(protection, {"new": {"requiredPullRequestReviews": []}})
	not resource.allow with input as asked(loose)
	{found.rule | some found in resource.deny} == {"repository_protection"} with input as asked(loose)
}

test_nothing_told_is_denied if {
	every spec in [{}, {"steps": []}, {"steps": [policy]}, {"policies": declared}, object.remove(asked(policy), ["resources"])] {
		not resource.allow with input as spec
	}
}
