# METADATA
# title: Duties of the keepers
# description: |
#   Whoever writes policies makes no token, and the other way round: both in one hand is everything. Break-glass alone has both,
#   and is kept apart.
# custom:
#   severity: critical
#   remedy: take one of the two from the keeper's policy in containment/compiled/operators.py
#   reference: docs/adr/0007-whoever-writes-policies-makes-no-token.md
package portcullis.declaration.duties

import data.portcullis.paths
import data.portcullis.violation

needed := {
	"portcullis-operator",
	"portcullis-containment",
	"portcullis-break-glass",
	"portcullis-rotator",
	"portcullis-prober",
	"portcullis-drift",
}

deny contains violation.of(rego.metadata.chain(), {"name": keeper}, "", "writes policies and makes tokens") if {
	some keeper, rules in input.keepers
	keeper != "portcullis-break-glass"
	writes_policies(rules)
	makes_tokens(rules)
}

deny contains violation.of(rego.metadata.chain(), {"name": keeper}, "", "its policy is not told") if {
	some keeper in needed
	not told(keeper)
}

told(keeper) if is_array(input.keepers[keeper])

writes_policies(rules) if {
	some rule in rules
	regex.match(`^/*(sys/pol|sys/?[*+]|[^/]*[*+])`, rule.path) # nearly all are neither, and a regular expression is quick
	changes(rule)
	some folder in [["sys", "policies"], ["sys", "policy"]]
	paths.reaches(rule.path, folder)
}

makes_tokens(rules) if {
	some rule in rules
	regex.match(`^/*(auth/(token|[^/]*[*+])|[^/]*[*+])`, rule.path)
	changes(rule)
	paths.reaches(rule.path, ["auth", "token", "create*"])
}

# A secret_id is a login, and a login is a token.
makes_tokens(rules) if {
	some rule in rules
	regex.match(`^auth/.*/secret-id/?$`, rule.path)
	changes(rule)
}

changes(rule) if {
	some capability in rule.capabilities
	capability in {"create", "update", "patch", "sudo"}
}
