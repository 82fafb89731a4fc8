package portcullis.resource.undeclared_resource_test

import data.portcullis.resource.undeclared_resource

role := "vault:database/secretBackendRole:SecretBackendRole"

inputs := {
	"__defaults": ["maxTtl"],
	"name": "r",
	"maxTtl": 60,
	"nested": {"__defaults": [], "list": [{"__defaults": [], "checks": ["a", "b"], "admins": true}]},
}

declared := {
	"name": ["r"],
	"maxTtl": [60.0, 30],
	"renewals": [null],
	"nested/list/0/checks": {"all": ["a"]},
	"nested/list/0/admins": {"all": []},
}

asked(patches) := {
	"steps": [{"type": role, "name": "r", "new": json.patch(inputs, patches)}],
	"resources": {role: {"r": declared}},
}

messages contains found.message if some found in undeclared_resource.deny

test_declared if {
	count(undeclared_resource.deny) == 0 with input as asked([])
	count(undeclared_resource.deny) == 0 with input as asked([{"op": "remove", "path": "nested/list/0/admins"}])
	count(undeclared_resource.deny) == 0 with input as asked([{"op": "add", "path": "none", "value": []}])
}

test_a_type_or_a_name_that_nobody_declared if {
	messages == {"no declaration makes a t"} with input as {"steps": [{"type": "t"}], "resources": {role: {}}}
	messages == {"no declaration makes a unknown"} with input as {"steps": [{}]}
	unnamed := json.remove(asked([]), [["resources", role, "r"]])
	messages == {sprintf("%v r is not declared", [role])} with input as unnamed
}

test_what_goes_or_is_read_is_not_written if {
	every op in ["delete", "delete-replaced", "read"] {
		count(messages) == 0 with input as {"steps": [{"op": op, "type": "t", "name": "r", "new": {}}], "resources": {}}
	}
	every op in ["create", "same", "import", "replace", "mangle"] {
		count(messages) == 1 with input as {"steps": [{"op": op, "type": "t", "name": "r", "new": {}}], "resources": {}}
	}
}

test_an_input_that_is_not_what_is_declared if {
	every field, patch in {
		"name": {"op": "replace", "path": "name", "value": "evil"},
		"maxTtl": {"op": "remove", "path": "maxTtl"},
		"renewals": {"op": "add", "path": "renewals", "value": ["ALTER ROLE x SUPERUSER"]},
		"namespace": {"op": "add", "path": "namespace", "value": "theirs"},
		"nested/list/0/checks": {"op": "replace", "path": "nested/list/0/checks", "value": ["b"]},
		"nested/list/0/around/0": {"op": "add", "path": "nested/list/0/around", "value": ["/me"]},
		"nested/list/1/admins": {"op": "add", "path": "nested/list/1", "value": {"admins": false}},
	} {
		messages == {sprintf("%v of %v r is not, or not so, declared", [field, role])} with input as asked([patch])
	}
}

test_no_inputs_are_not_what_is_declared if count(messages) == 4 with input as json.remove(asked([]), ["steps/0/new"])

test_what_is_beyond_is_seen_where_what_is_declared_is_not if {
	patches := [{"op": "remove", "path": "nested"}, {"op": "add", "path": "nested", "value": "x"}]
	every patch in [[patches[0]], patches] {
		some message in messages with input as asked(array.concat(patch, [{"op": "add", "path": "sql", "value": "x"}]))
		startswith(message, "sql of ")
	}
}
