# METADATA
# title: Lift
# description: The gate rises only on fresh proof of every required item, for the open incident that was named.
# custom:
#   severity: critical
#   remedy: Rotate and verify what is named as missing, then lift again.
package portcullis.lift

# Seconds after which a proof no longer counts.
max_age := 3600

default allow := false

allow if {
	count(missing) == 0
	named
	count(input.required) > 0
}

default named := false

named if {
	input.incident.id == input.requested_id
	input.incident.state == "open"
}

proven contains proof.item if {
	some proof in input.proofs
	proof.ok == true
	proof.proven_at >= input.incident.opened_at
	input.now - proof.proven_at <= max_age
}

missing contains item if {
	some item in input.required
	not item in proven
}

missing contains "the open incident that was named" if not named

missing contains "a list of what must be proven" if not input.required

missing contains "a list of what must be proven" if count(input.required) == 0
