package portcullis.issue.duration_test

import data.portcullis.issue.duration

asked(ttl, incidents) := {"ttl": ttl, "incidents": incidents}

open := [{"id": "I", "state": "open", "paused_roles": []}]

test_at_the_limits if {
	count(duration.deny) == 0 with input as asked(3600, [])
	count(duration.deny) == 0 with input as asked(1800, open)
}

test_over_missing_or_no_number if {
	duration.deny == {"the ttl is not between 1 and 3600 s"} with input as asked(3601, [])
	duration.deny == {"the ttl is not between 1 and 1800 s"} with input as asked(1801, open)
	every ttl in [0, "1800", null] { count(duration.deny) == 1 with input as asked(ttl, []) }
	count(duration.deny) == 1 with input as {"ttl": 1}
	count(duration.deny) == 1 with input as asked(1, []) with data.portcullis.thresholds as {}
}
