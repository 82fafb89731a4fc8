package portcullis.lift.proof_test

import data.portcullis.lift.proof

asked := {
	"incident": {"opened_at": 100},
	"required": ["a"],
	"proofs": [{"item": "a", "kind": "old-dead", "proven_at": 200, "ok": true}],
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
		{"op": "remove", "path": "proofs/0/kind"},
		{"op": "add", "path": "proofs/1", "value": {"item": "a", "proven_at": 220, "ok": false}},
	] {
		proof.deny == {"a"} with input as json.patch(asked, [change])
	}
}

test_that_nothing_retired_was_used_is_proven_for_minutes_only if {
	every kind, within in {"old-dead": 3600, "audit-quiet": 600} {
		count(missing_after(kind, within)) == 0
		missing_after(kind, within + 1) == {"a"}
	}
}

missing_after(kind, age) := missing if {
	missing := proof.deny with input as json.patch(asked, [
		{"op": "replace", "path": "proofs/0/kind", "value": kind},
		{"op": "replace", "path": "now", "value": 200 + age},
	])
}

test_nothing_to_prove_proves_nothing if {
	every bad in [[], "a", {"a": "a"}, [""], [1], null] {
		"a list of what must be proven" in proof.deny with input as json.patch(asked, [{"op": "replace", "path": "required", "value": bad}])
	}
}
