# METADATA
# title: Gate on every identity
# description: Every identity carries the gate and the quarantine, so that one write contains all of them; and never a keeper's policy.
# custom:
#   severity: critical
#   remedy: let containment/names.py say which policies an identity carries
#   reference: docs/adr/0001-gate-and-quarantine.md; thresholds gate_policies
package portcullis.declaration.gate

import data.portcullis.thresholds
import data.portcullis.violation

deny contains violation.of(rego.metadata.chain(), identity, "metadata.name", message) if {
	some identity in input.identities
	not bound(identity)
	message := "does not carry the gate and the quarantine"
}

deny contains violation.of(rego.metadata.chain(), identity, "metadata.name", sprintf("carries %q", [policy])) if {
	some identity in input.identities
	some policy in identity.policies
	not ordinary(policy)
}

bound(identity) if {
	count(thresholds.gate_policies) > 0
	every one in thresholds.gate_policies { one in identity.policies }
}

# `root` is past every policy; a keeper's is past the gate.
ordinary(policy) if {
	is_string(policy)
	policy != "root"
	not startswith(policy, "portcullis-")
}
