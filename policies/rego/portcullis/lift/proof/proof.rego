# METADATA
# title: Fresh proof of each item
# description: |
#   Each item that the incident requires is proven: after it opened, no longer ago than its kind may be, and not taken back by a
#   later failure. An empty list would leave nothing to prove, and so lift everything.
# custom:
#   severity: critical
#   remedy: rotate and verify what is named as missing, then lift again
#   reference: NIST SP 800-61r2, 3.4 (eradication and recovery); thresholds proof_max_age_seconds
package portcullis.lift.proof

import data.portcullis.thresholds

deny contains item if {
	some item in input.required
	not item in proven
}

deny contains "a list of what must be proven" if not listed

listed if {
	is_array(input.required)
	count(input.required) > 0
	every item in input.required {
		is_string(item)
		item != ""
	}
}

# The newest word on an item counts: a later failure takes an earlier success back.
proven contains proof.item if {
	some proof in input.proofs
	fresh(proof)
	not taken_back(proof)
}

fresh(proof) if {
	proof.ok == true
	is_number(proof.proven_at)
	proof.proven_at >= input.incident.opened_at
	proof.proven_at <= input.now
	input.now - proof.proven_at <= max_age(proof.kind)
}

max_age(kind) := object.get(thresholds.proof_max_age_seconds, kind, thresholds.proof_max_age_seconds.other)

taken_back(proof) if {
	some other in input.proofs
	other.item == proof.item
	other.proven_at >= proof.proven_at
	not other.ok == true
}
