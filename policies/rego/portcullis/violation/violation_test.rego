package portcullis.violation_test

import data.portcullis.violation

test_says_where if {
	item := {"name": "n", "source": {"file": "f.yaml", "line": 4}}
	expected := {"rule": "r", "name": "n", "file": "f.yaml", "line": 4, "message": "m", "remedy": "x"}
	violation.of("r", item, "m", "x") == expected
}

test_an_item_without_a_place_is_still_reported if {
	violation.of("r", {}, "m", "x").file == "(unknown)"
	violation.of("r", {}, "m", "x").line == 0
}
