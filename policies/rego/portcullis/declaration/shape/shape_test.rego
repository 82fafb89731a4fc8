package portcullis.declaration.shape_test

import data.portcullis.declaration.shape

item := {"name": "n", "source": {"file": "f", "line": 1}}

complete := {"secrets": [item], "workloads": [item], "ci_roles": [], "repositories": []}

test_whole if count(shape.deny) == 0 with input as complete

test_no_input if count(shape.deny) == 4 with input as {}

test_a_string_is_no_list if count(shape.deny) == 1 with input as object.union(complete, {"workloads": "n"})

test_nothing_to_judge if count(shape.deny) == 1 with input as object.union(complete, {"secrets": []})

test_broken_items if {
	broken := ["n", {}, object.union(item, {"name": ""}), object.remove(item, ["source"]), object.union(item, {"name": 1})]
	every one in broken {
		count(shape.deny) == 1 with input as object.union(complete, {"secrets": [one]})
	}
}
