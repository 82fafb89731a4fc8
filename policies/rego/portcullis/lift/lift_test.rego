package portcullis.lift_test

import data.portcullis.lift

complete := {
	"incident": {"id": "I", "state": "open", "opened_at": 100},
	"requested_id": "I",
	"required": ["a", "b"],
	"proofs": [
		{"item": "a", "kind": "old-dead", "proven_at": 200, "ok": true},
		{"item": "b", "kind": "old-dead", "proven_at": 210, "ok": true},
	],
	"now": 300,
}

test_complete_proof_lifts if lift.allow with input as complete

test_each_missing_proof_is_named if {
	lift.missing == {"b"} with input as object.union(complete, {"proofs": [complete.proofs[0]]})
	not lift.allow with input as object.union(complete, {"proofs": [complete.proofs[0]]})
}

test_failed_proof_does_not_count if {
	proofs := [complete.proofs[0], {"item": "b", "kind": "old-dead", "proven_at": 210, "ok": false}]
	lift.missing == {"b"} with input as object.union(complete, {"proofs": proofs})
}

test_stale_proof_does_not_count if {
	lift.missing == {"a", "b"} with input as object.union(complete, {"now": 9000})
}

test_proof_from_before_the_incident_does_not_count if {
	proofs := [complete.proofs[0], {"item": "b", "kind": "old-dead", "proven_at": 99, "ok": true}]
	lift.missing == {"b"} with input as object.union(complete, {"proofs": proofs})
}

test_another_incident_is_not_lifted if {
	not lift.allow with input as object.union(complete, {"requested_id": "J"})
	lift.missing == {"the open incident that was named"} with input as object.union(complete, {"requested_id": "J"})
}

test_nothing_required_lifts_nothing if {
	not lift.allow with input as object.union(complete, {"required": []})
}

test_no_input_lifts_nothing if {
	not lift.allow with input as {}
	count(lift.missing) == 2 with input as {}
}

test_only_a_filled_list_of_names_can_be_proven if {
	every bad in ["ab", {"a": "a"}, ["", "a"], [1], null] {
		not lift.allow with input as object.union(complete, {"required": bad})
		"a list of what must be proven" in lift.missing with input as object.union(complete, {"required": bad})
	}
}

test_a_proof_from_the_future_does_not_count if {
	proofs := [complete.proofs[0], {"item": "b", "kind": "old-dead", "proven_at": 301, "ok": true}]
	lift.missing == {"b"} with input as object.union(complete, {"proofs": proofs})
}

test_a_time_that_is_no_number_does_not_count if {
	proofs := [complete.proofs[0], {"item": "b", "kind": "old-dead", "proven_at": "210", "ok": true}]
	lift.missing == {"b"} with input as object.union(complete, {"proofs": proofs})
}

test_an_empty_id_names_nothing if {
	changed := {"incident": {"id": "", "state": "open", "opened_at": 100}, "requested_id": ""}
	not lift.allow with input as object.union(complete, changed)
}

test_a_lifted_incident_is_not_lifted_again if {
	changed := {"incident": {"id": "I", "state": "lifted", "opened_at": 100}}
	not lift.allow with input as object.union(complete, changed)
}

test_a_later_failure_takes_a_proof_back if {
	failed := {"item": "b", "kind": "old-dead", "proven_at": 220, "ok": false}
	lift.missing == {"b"} with input as object.union(complete, {"proofs": array.concat(complete.proofs, [failed])})
}

test_without_thresholds_nothing_lifts if {
	not lift.allow with input as complete with data.portcullis.thresholds as {}
}
