package portcullis.meta_test

import data.portcullis.meta

whole := {
	"namespaces": {
		"data.portcullis.lift": ["rego/portcullis/lift/lift.rego"],
		"data.portcullis.lift.fresh": ["rego/portcullis/lift/fresh/fresh.rego"],
		"data.portcullis.lift.fresh_test": ["rego/portcullis/lift/fresh/fresh_test.rego"],
	},
	"annotations": [{
		"path": [{"value": "data"}, {"value": "portcullis"}, {"value": "lift"}, {"value": "fresh"}],
		"annotations": {
			"scope": "package",
			"title": "t",
			"description": "d",
			"custom": {"severity": "high", "remedy": "r", "reference": "x"},
		},
	}],
	"heard": {"lift": ["data.portcullis.lift.fresh"]},
}

after(change) := json.patch(whole, [change])

test_whole if {
	meta.allow with input as whole
	count(meta.deny) == 0 with input as whole
}

test_each_want_is_named if {
	every said, change in {
		"METADATA has no title": {"op": "remove", "path": "annotations/0/annotations/title"},
		"METADATA has no remedy": {"op": "replace", "path": "annotations/0/annotations/custom/remedy", "value": " "},
		"\"dire\" is no severity": {"op": "replace", "path": "annotations/0/annotations/custom/severity", "value": "dire"},
		"no test beside it": {"op": "remove", "path": "namespaces/data.portcullis.lift.fresh_test"},
		"its area does not hear it": {"op": "replace", "path": "heard/lift", "value": []},
		"its folder is not its package": {
			"op": "replace",
			"path": "namespaces/data.portcullis.lift.fresh",
			"value": ["rego/portcullis/lift/stale/fresh.rego"],
		},
		"another rule is called so too": {
			"op": "add",
			"path": "namespaces/data.portcullis.issue.fresh",
			"value": ["rego/portcullis/issue/fresh/fresh.rego"],
		},
	} {
		some found in meta.deny with input as after(change)
		contains(found, said)
		not meta.allow with input as after(change)
	}
}

test_nothing_told_is_not_allowed if {
	not meta.allow with input as {}
	not meta.allow with input as after({"op": "replace", "path": "namespaces", "value": {"data.portcullis.lift": []}})
}
