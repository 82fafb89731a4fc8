package portcullis.declaration.gate_test

import data.portcullis.declaration.gate

carrying(policies) := {"identities": [{"name": "w", "policies": policies}]}

test_gated if count(gate.deny) == 0 with input as carrying(["pc-gate", "pc-quarantine", "pc-w-w"])

test_ungated if {
	every policies in [["pc-gate", "pc-w-w"], ["pc-w-w"], []] {
		count(gate.deny) == 1 with input as carrying(policies)
	}
	count(gate.deny) == 1 with input as {"identities": [{"name": "w"}]}
}

test_past_the_gate if {
	every policy in ["root", "portcullis-operator", 3] {
		count(gate.deny) == 1 with input as carrying(["pc-gate", "pc-quarantine", policy])
	}
}

test_without_thresholds_nobody_is_gated if {
	count(gate.deny) == 1 with input as carrying(["pc-gate", "pc-quarantine"]) with data.portcullis.thresholds as {}
}
