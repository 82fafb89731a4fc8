package portcullis.declaration.reviews_test

import data.portcullis.declaration.reviews

ordinary := {"name": "r", "control": false, "mergers": [], "required_approvals": 1}

control := {
	"name": "r",
	"control": true,
	"mergers": ["a", "b"],
	"required_approvals": 2,
	"protection": {"last_push_approval": true},
}

found(repository) := denied if {
	denied := reviews.deny with input as {"repositories": [repository]}
}

test_enough if {
	count(found(ordinary)) == 0
	count(found(control)) == 0
}

test_too_few if {
	every bad in [
		object.union(ordinary, {"required_approvals": 0}),
		object.union(ordinary, {"required_approvals": "1"}),
		object.remove(ordinary, ["required_approvals"]),
		object.union(control, {"required_approvals": 1}),
		object.union(control, {"mergers": ["a", "a"]}),
		object.remove(control, ["mergers"]),
		object.union(control, {"protection": {"last_push_approval": false}}),
		object.remove(control, ["protection"]),
	] {
		count(found(bad)) == 1
	}
}

test_what_is_not_said_is_control if count(found(object.remove(ordinary, ["control"]))) == 3

test_without_thresholds_nothing_is_reviewed if {
	count(reviews.deny) == 1 with input as {"repositories": [ordinary]} with data.portcullis.thresholds as {}
}
