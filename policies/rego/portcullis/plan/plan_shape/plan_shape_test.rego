package portcullis.plan.plan_shape_test

import data.portcullis.plan.plan_shape

step := {"op": "create", "type": "t", "name": "n", "old": {}, "new": {}}

plan := {"steps": [step], "errors": [], "policies": {}, "resources": {}, "open_incidents": [], "lifting": false}

test_whole if count(plan_shape.deny) == 0 with input as plan

test_nothing_told if count(plan_shape.deny) == 6 with input as {}

test_each_part_is_needed if {
	every part, _ in plan { count(plan_shape.deny) == 1 with input as object.remove(plan, [part]) }
}

test_an_empty_list_is_nothing_declared if {
	count(plan_shape.deny) == 2 with input as object.union(plan, {"policies": [], "resources": []})
}

test_a_failed_preview if count(plan_shape.deny) == 1 with input as object.union(plan, {"errors": ["no"]})

test_a_step_of_an_unknown_kind if {
	every bad in [object.union(step, {"op": "mangle"}), object.remove(step, ["new"]), "s"] {
		count(plan_shape.deny) == 1 with input as object.union(plan, {"steps": [bad]})
	}
}
