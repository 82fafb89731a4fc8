package portcullis.lift.named_test

import data.portcullis.lift.named

asked := {"requested_id": "I", "incident": {"id": "I", "state": "open"}}

test_named if count(named.deny) == 0 with input as asked

test_another_none_or_over if {
	every changed in [
		{},
		object.union(asked, {"requested_id": "J"}),
		{"requested_id": "", "incident": {"id": "", "state": "open"}},
		object.union(asked, {"incident": {"state": "lifted"}}),
	] {
		count(named.deny) == 1 with input as changed
	}
}
