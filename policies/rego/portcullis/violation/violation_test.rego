package portcullis.violation_test

import data.portcullis.violation

chain := [
	{"path": ["portcullis", "declaration", "r", "deny"]},
	{"path": ["portcullis", "declaration", "r"], "annotations": {"custom": {"severity": "high", "remedy": "y"}}},
]

test_says_where if {
	item := {"name": "n", "source": {"file": "f.yaml", "line": 4}}
	violation.of(chain, item, "spec.x", "m") == {
		"rule": "r",
		"severity": "high",
		"name": "n",
		"file": "f.yaml",
		"line": 4,
		"field": "spec.x",
		"message": "m",
		"remedy": "y",
	}
}

test_an_item_without_a_place_is_still_reported if {
	violation.of(chain, {}, "", "m").file == "(unknown)"
	violation.of(chain, {}, "", "m").line == 0
	violation.of(chain, {}, "", "m").name == "unknown"
}

test_what_is_no_object_is_still_reported if violation.of(chain, "text", "", "m").message == "m"

test_a_rule_without_metadata_is_critical if {
	bare := violation.of([chain[0]], {}, "", "m")
	bare.severity == "critical"
	bare.remedy == "(none is written down)"
}

test_what_is_not_said_is_unknown if {
	violation.said({"a": {"b": 1}}, ["a", "b"]) == 1
	every item in [{}, {"a": 3}, "text", null] { violation.said(item, ["a", "b"]) == "unknown" }
}
