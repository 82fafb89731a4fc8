package portcullis.issue.origin_test

import data.portcullis.issue.origin

test_a_listed_way if count(origin.deny) == 0 with input.requester.login as "auth/token/create"

test_any_other_or_none if {
	every asked in [{}, {"requester": {}}, {"requester": {"login": "auth/userpass/login/x"}}, {"requester": {"login": 3}}] {
		count(origin.deny) == 1 with input as asked
	}
}

test_without_thresholds_none_is_listed if {
	count(origin.deny) == 1 with input.requester.login as "auth/token/create" with data.portcullis.thresholds as {}
}
