package portcullis.plan.repository_protection_test

import data.portcullis.plan.repository_protection

branch(op, old, new) := {"steps": [{
	"op": op,
	"type": "github:index/branchProtection:BranchProtection",
	"name": "n",
	"old": asking(old),
	"new": asking(new),
}]}

asking(count_of) := {"lockBranch": false, "requiredPullRequestReviews": [{"requiredApprovingReviewCount": count_of}]}

test_as_much_or_more if {
	count(repository_protection.deny) == 0 with input as branch("update", 1, 1)
	count(repository_protection.deny) == 0 with input as branch("update", 1, 2)
	count(repository_protection.deny) == 0 with input as branch("create", 0, 1)
}

test_fewer_or_none if {
	count(repository_protection.deny) == 1 with input as branch("update", 2, 1)
	count(repository_protection.deny) == 1 with input as branch("create", 0, 0)
	bare := json.patch(branch("update", 1, 1), [{"op": "remove", "path": "steps/0/new/requiredPullRequestReviews"}])
	count(repository_protection.deny) == 1 with input as bare
	count(repository_protection.deny) == 1 with input as branch("create", 0, 1) with data.portcullis.thresholds as {}
}

test_a_locked_branch_needs_no_reviews if {
	locked := json.patch(branch("update", 2, 0), [{"op": "replace", "path": "steps/0/new/lockBranch", "value": true}])
	count(repository_protection.deny) == 0 with input as locked
}

test_branches_to_which_named_people_push if {
	pushed := json.patch(branch("create", 0, 0), [
		{"op": "add", "path": "steps/0/new/pattern", "value": "incident/*"},
		{"op": "add", "path": "steps/0/new/restrictPushes", "value": [{"pushAllowances": ["octo/lead"]}]},
	])
	count(repository_protection.deny) == 0 with input as pushed
	every patch in [
		{"op": "replace", "path": "steps/0/new/pattern", "value": "main"},
		{"op": "replace", "path": "steps/0/new/restrictPushes", "value": []},
		{"op": "replace", "path": "steps/0/new/restrictPushes/0/pushAllowances", "value": []},
		{"op": "replace", "path": "steps/0/old", "value": asking(1)},
	] {
		count(repository_protection.deny) == 1 with input as json.patch(pushed, [patch])
	}
}

test_taken_away if {
	every op in ["delete", "replace", "delete-replaced"] {
		count([v | some v in repository_protection.deny; v.message == "a repository loses a protection"]) == 1 with input as branch(op, 1, 1)
	}
}
