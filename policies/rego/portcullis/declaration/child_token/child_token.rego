# METADATA
# title: Child tokens
# description: |
#   A child token may take a subset of its parent's policies, and so leave the gate out. No identity makes tokens except through
#   a token role that forces the gate on them, and every token role of an identity does.
# custom:
#   severity: critical
#   remedy: make tokens through the identity's own token role, whose allowed_policies are the identity's
#   reference: OpenBao API documentation, "Token auth method", create; thresholds gate_policies
package portcullis.declaration.child_token

import data.portcullis.granting
import data.portcullis.paths
import data.portcullis.thresholds
import data.portcullis.violation

deny contains violation.of(rego.metadata.chain(), granting.by(rule), granting.field(rule), message) if {
	some identity in input.identities
	some rule in identity.rules
	regex.match(`^/*(auth/|[^/]*[*+])`, rule.path) # nearly all are neither, and a regular expression is quick
	paths.reaches(rule.path, ["auth", "token", "create*"])
	not forced(rule)
	message := sprintf("%s may make child tokens without the gate by %q", [identity.name, rule.path])
}

deny contains violation.of(rego.metadata.chain(), role, "metadata.name", message) if {
	some role in input.token_roles
	not forces(role)
	message := sprintf("token role %s makes tokens without the gate", [role.role])
}

forced(rule) if rule.path in forcing

forcing contains sprintf("auth/token/create/%s", [role.role]) if {
	some role in input.token_roles
	forces(role)
}

# A token made through a role gets the allowed policies that were asked for; without any asked for, all of them. So each of
# its tokens has the gate only when what was asked for is not the requester's to choose: the role's keeper alone asks.
forces(role) if {
	count(thresholds.gate_policies) > 0
	every one in thresholds.gate_policies { one in role.allowed_policies }
	not role.allowed_policies_glob
}
