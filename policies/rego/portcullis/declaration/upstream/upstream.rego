# METADATA
# title: Upstream
# description: |
#   Of a static secret it is written down who issued it, and by which account it is disabled there: nothing that the server
#   denies stops one who has the value.
# custom:
#   severity: high
#   remedy: name the issuing system and the account there in spec.upstream
#   reference: NIST SP 800-61r2, 3.4.1 (eradication)
package portcullis.declaration.upstream

import data.portcullis.violation

deny contains violation.of(rego.metadata.chain(), secret, "spec.upstream", "nothing says where it is disabled") if {
	some secret in input.secrets
	not disabled_somewhere(secret)
}

disabled_somewhere(secret) if secret.kind == "database"

disabled_somewhere(secret) if {
	is_string(secret.upstream.name)
	secret.upstream.name != ""
	is_string(secret.upstream.account)
	secret.upstream.account != ""
}
