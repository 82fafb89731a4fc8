package portcullis.declaration.shape_test

import data.portcullis.declaration.shape

item := {"name": "n", "source": {"file": "f", "line": 1}}

identity := object.union(item, {"kind": "workload", "policies": [], "rules": []})

complete := {
	"secrets": [item],
	"mounts": [],
	"workloads": [item],
	"ci_roles": [],
	"repositories": [],
	"identities": [identity],
	"token_roles": [],
}

test_whole if count(shape.deny) == 0 with input as complete

test_no_input if count(shape.deny) == 7 with input as {}

test_a_string_is_no_list if count(shape.deny) == 1 with input as object.union(complete, {"mounts": "n"})

test_nothing_to_judge if count(shape.deny) == 1 with input as object.union(complete, {"secrets": []})

test_an_identity_that_is_not_told if {
	every changed in [[], [object.remove(identity, ["rules"])], [object.union(identity, {"kind": "ci"})]] {
		count(shape.deny) == 1 with input as object.union(complete, {"identities": changed})
	}
}

test_broken_items if {
	broken := ["n", {}, object.union(item, {"name": ""}), object.remove(item, ["source"]), object.union(item, {"name": 1})]
	every one in broken {
		count(shape.deny) == 1 with input as object.union(complete, {"secrets": [one]})
	}
}
