# METADATA
# title: Wildcards
# description: |
#   An identity is granted exact paths. A pattern grants what nobody has thought of yet, and an exact path is what an incident
#   denies.
# custom:
#   severity: critical
#   remedy: grant each path by name, or have the pattern put on wildcard_paths
#   reference: OpenBao documentation, "Policies" (path priority); thresholds wildcard_paths
package portcullis.declaration.wildcard

import data.portcullis.granting
import data.portcullis.thresholds
import data.portcullis.violation

deny contains violation.of(rego.metadata.chain(), granting.by(rule), granting.field(rule), message) if {
	some identity in input.identities
	some rule in identity.rules
	not exact(rule)
	not allowed(rule)
	message := sprintf("%s is granted the pattern %q", [identity.name, rule.path])
}

exact(rule) if {
	is_string(rule.path)
	not regex.match(`[*+{}]`, rule.path)
}

allowed(rule) if rule.path in thresholds.wildcard_paths
