# METADATA
# title: Tier
# description: What a secret is worth is written down; every limit hangs on it.
# custom:
#   severity: high
#   remedy: set spec.tier to critical, high or standard
#   reference: CIS Controls v8, 3.7 (data classification)
package portcullis.declaration.tier

import data.portcullis.violation

deny contains violation.of(rego.metadata.chain(), secret, "spec.tier", message) if {
	some secret in input.secrets
	not violation.said(secret, "tier") in {"critical", "high", "standard"}
	message := sprintf("tier %q is none that is known", [violation.said(secret, "tier")])
}
