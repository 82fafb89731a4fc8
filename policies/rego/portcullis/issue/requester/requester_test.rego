package portcullis.issue.requester_test

import data.portcullis.issue.requester

asked := {"requester": {"name": "deployer", "roles": ["cicd"]}, "role": "cicd"}

test_who_holds_it if count(requester.deny) == 0 with input as asked

test_who_does_not_or_is_not_known if {
	every changed in [
		{},
		object.union(asked, {"role": "admin"}),
		object.union(asked, {"requester": {"name": "", "roles": ["cicd"]}}),
		object.remove(asked, ["requester"]),
		{"requester": {"name": "n", "roles": "cicd"}, "role": "cicd"},
	] {
		count(requester.deny) == 1 with input as changed
	}
}
