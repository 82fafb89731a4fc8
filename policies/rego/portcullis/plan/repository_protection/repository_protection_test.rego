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

changed(patches) := json.patch(branch("update", 1, 1), patches)

test_other_branches if {
	every lock in [true, false] {
		moved := changed([
			{"op": "add", "path": "steps/0/old/pattern", "value": "main"},
			{"op": "add", "path": "steps/0/new/pattern", "value": "never/**"},
			{"op": "replace", "path": "steps/0/new/lockBranch", "value": lock},
			{"op": "replace", "path": "steps/0/old/lockBranch", "value": lock},
		])
		{[found.field, found.message] | some found in repository_protection.deny} == {[
			"pattern",
			"what protected main would protect other branches",
		]} with input as moved
		stays := json.patch(moved, [{"op": "replace", "path": "steps/0/new/pattern", "value": "main"}])
		count(repository_protection.deny) == 0 with input as stays
	}
}

test_somebody_is_let_past if {
	every field, added in {
		"allowsForcePushes": ["allowsForcePushes", true],
		"allowsDeletions": ["allowsDeletions", true],
		"forcePushBypassers": ["forcePushBypassers", ["/me"]],
		"pullRequestBypassers": ["requiredPullRequestReviews/0/pullRequestBypassers", ["octo/team"]],
		"bypassActors": ["bypassActors", [{"actorId": 1}]],
	} {
		asked := changed([{"op": "add", "path": sprintf("steps/0/new/%s", [added[0]]), "value": added[1]}])
		{found.field | some found in repository_protection.deny} == {field} with input as asked
	}
	nobody := changed([
		{"op": "add", "path": "steps/0/new/allowsDeletions", "value": false},
		{"op": "add", "path": "steps/0/new/forcePushBypassers", "value": []},
	])
	count(repository_protection.deny) == 0 with input as nobody
}

test_a_repository_begins_protected if {
	alone := {"op": "create", "type": "github:index/repository:Repository", "name": "x", "old": {}, "new": {"name": "r"}}
	count(repository_protection.deny) == 1 with input as {"steps": [alone]}
	protection := json.patch(branch("create", 0, 1), [{"op": "add", "path": "steps/0/new/repositoryId", "value": "r"}])
	count(repository_protection.deny) == 0 with input as {"steps": [alone, protection.steps[0]]}
	other := json.patch(protection, [{"op": "replace", "path": "steps/0/new/repositoryId", "value": "s"}])
	count(repository_protection.deny) == 1 with input as {"steps": [alone, other.steps[0]]}
	changed_only := object.union(alone, {"op": "update"})
	count(repository_protection.deny) == 0 with input as {"steps": [changed_only]}
}

test_taken_away if {
	every op in ["delete", "replace", "delete-replaced"] {
		count([v | some v in repository_protection.deny; v.message == "a repository loses a protection"]) == 1 with input as branch(op, 1, 1)
	}
}
