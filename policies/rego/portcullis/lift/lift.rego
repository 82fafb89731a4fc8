# METADATA
# title: Lift
# description: The gate rises only on fresh proof of every required item, for the open incident that was named.
# custom:
#   severity: critical
#   remedy: Rotate and verify what is named as missing, then lift again.
#   reference: docs/runbook_secret_leak.md
package portcullis.lift

import data.portcullis.lift.named
import data.portcullis.lift.proof

default allow := false

allow if {
	named.open
	proof.listed
	count(missing) == 0
}

missing := named.deny | proof.deny
