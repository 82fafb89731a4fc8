# METADATA
# title: Lift
# description: The gate rises only on fresh proof of every required item, for the open incident that was named.
# custom:
#   severity: critical
#   remedy: Rotate and verify what is named as missing, then lift again.
package portcullis.lift

import data.portcullis.thresholds

default allow := false

allow if {
	named
	listed
	count(missing) == 0
}

default named := false

named if {
	is_string(input.requested_id)
	input.requested_id != ""
	input.incident.id == input.requested_id
	input.incident.state == "open"
}

# Anything but a filled list of names would leave nothing to prove, and so lift everything.
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
	input.now - proof.proven_at <= thresholds.proof_max_age_seconds
}

taken_back(proof) if {
	some other in input.proofs
	other.item == proof.item
	other.proven_at >= proof.proven_at
	not other.ok == true
}

missing contains item if {
	some item in input.required
	not item in proven
}

missing contains "the open incident that was named" if not named

missing contains "a list of what must be proven" if not listed
