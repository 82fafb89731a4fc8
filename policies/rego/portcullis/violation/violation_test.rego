package portcullis.violation_test

import data.portcullis.violation

test_says_where if {
	item := {"name": "n", "source": {"file": "f.yaml", "line": 4}}
	expected := {"rule": "r", "name": "n", "file": "f.yaml", "line": 4, "field": "spec.x", "message": "m", "remedy": "y"}
	violation.of("r", item, "spec.x", "m", "y") == expected
}

test_an_item_without_a_place_is_still_reported if {
	violation.of("r", {}, "", "m", "x").file == "(unknown)"
	violation.of("r", {}, "", "m", "x").line == 0
}

test_what_is_not_said_is_unknown if {
	violation.said({"a": {"b": 1}}, ["a", "b"]) == 1
	every item in [{}, {"a": 3}] { violation.said(item, ["a", "b"]) == "unknown" }
}
