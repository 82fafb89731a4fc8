package portcullis.lift_test

import data.portcullis.lift

complete := {
	"incident": {"id": "I", "state": "open", "opened_at": 100},
	"requested_id": "I",
	"required": ["a", "b"],
	"proofs": [
		{"item": "a", "proven_at": 200, "ok": true},
		{"item": "b", "proven_at": 210, "ok": true},
	],
	"now": 300,
}

test_complete_proof_lifts if lift.allow with input as complete

test_each_missing_proof_is_named if {
	lift.missing == {"b"} with input as object.union(complete, {"proofs": [complete.proofs[0]]})
	not lift.allow with input as object.union(complete, {"proofs": [complete.proofs[0]]})
}

test_failed_proof_does_not_count if {
	proofs := [complete.proofs[0], {"item": "b", "proven_at": 210, "ok": false}]
	lift.missing == {"b"} with input as object.union(complete, {"proofs": proofs})
}

test_stale_proof_does_not_count if {
	lift.missing == {"a", "b"} with input as object.union(complete, {"now": 9000})
}

test_proof_from_before_the_incident_does_not_count if {
	proofs := [complete.proofs[0], {"item": "b", "proven_at": 99, "ok": true}]
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
