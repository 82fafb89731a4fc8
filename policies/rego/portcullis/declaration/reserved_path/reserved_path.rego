# METADATA
# title: Reserved paths
# description: |
#   No workload and no CI role is granted anything of the server itself: policies, logins, identities, mounts, or the product's
#   own store. Making child tokens is judged by its own rule.
# custom:
#   severity: critical
#   remedy: remove the grant; what keepers may is in containment/compiled/operators.py
#   reference: HashiCorp Vault documentation, "Production hardening"; thresholds reserved_paths
package portcullis.declaration.reserved_path

import data.portcullis.granting
import data.portcullis.paths
import data.portcullis.thresholds
import data.portcullis.violation

deny contains violation.of(rego.metadata.chain(), granting.by(rule), granting.field(rule), message) if {
	some identity in input.identities
	some rule in identity.rules
	not harmless(rule)
	message := sprintf("%s is granted %q", [identity.name, rule.path])
}

# A pattern in the first segment could be any of them.
harmless(rule) if {
	is_array(thresholds.reserved_paths)
	first := split(trim_left(rule.path, "/"), "/")[0]
	not first in thresholds.reserved_paths
	not regex.match(`[*+]`, first)
}

harmless(rule) if paths.only(rule.path, ["auth", "token", "create*"])
