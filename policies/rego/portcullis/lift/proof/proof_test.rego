package portcullis.lift.proof_test

import data.portcullis.lift.proof

asked := {
	"incident": {"opened_at": 100},
	"required": ["a"],
	"proofs": [{"item": "a", "proven_at": 200, "ok": true}],
	"now": 300,
}

test_proven if count(proof.deny) == 0 with input as asked

test_each_way_to_be_unproven if {
	every change in [
		{"op": "replace", "path": "proofs", "value": []},
		{"op": "replace", "path": "proofs/0/ok", "value": false},
		{"op": "replace", "path": "proofs/0/proven_at", "value": 99},
		{"op": "replace", "path": "proofs/0/proven_at", "value": 301},
		{"op": "replace", "path": "proofs/0/proven_at", "value": "200"},
		{"op": "replace", "path": "now", "value": 9000},
		{"op": "add", "path": "proofs/1", "value": {"item": "a", "proven_at": 220, "ok": false}},
	] {
		proof.deny == {"a"} with input as json.patch(asked, [change])
	}
}

test_nothing_to_prove_proves_nothing if {
	every bad in [[], "a", {"a": "a"}, [""], [1], null] {
		"a list of what must be proven" in proof.deny with input as json.patch(asked, [{"op": "replace", "path": "required", "value": bad}])
	}
}
