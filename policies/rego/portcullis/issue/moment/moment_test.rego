package portcullis.issue.moment_test

import data.portcullis.issue.moment

now := 1000

test_now if {
	every asked in [now, now - 60, now + 60] {
		count(moment.deny) == 0 with input.now as asked with time.now_ns as now * 1000000000
	}
}

test_kept_or_ahead_or_not_told if {
	every asked in [{"now": now - 61}, {"now": now + 61}, {"now": "1000"}, {}] {
		count(moment.deny) == 1 with input as asked with time.now_ns as now * 1000000000
	}
}

test_without_thresholds_it_never_is if {
	count(moment.deny) == 1 with input.now as now with time.now_ns as now * 1000000000 with data.portcullis.thresholds as {}
}
