# METADATA
# title: Declaration
# description: The estate is allowed when it is whole and no rule objects.
# custom:
#   severity: critical
#   remedy: mend what each violation names
#   reference: README.md
package portcullis.declaration

import data.portcullis.declaration.break_glass
import data.portcullis.declaration.child_token
import data.portcullis.declaration.duties
import data.portcullis.declaration.gate
import data.portcullis.declaration.incident_ttl
import data.portcullis.declaration.login_ttl
import data.portcullis.declaration.mount_ttl
import data.portcullis.declaration.owner
import data.portcullis.declaration.plain_text
import data.portcullis.declaration.production_write
import data.portcullis.declaration.reserved_path
import data.portcullis.declaration.reviews
import data.portcullis.declaration.rotation
import data.portcullis.declaration.separation
import data.portcullis.declaration.shape
import data.portcullis.declaration.sharing
import data.portcullis.declaration.tier
import data.portcullis.declaration.ttl
import data.portcullis.declaration.upstream
import data.portcullis.declaration.wildcard

default allow := false

allow if {
	is_array(input.secrets)
	count(deny) == 0
}

deny := union({
	break_glass.deny,
	child_token.deny,
	duties.deny,
	gate.deny,
	incident_ttl.deny,
	login_ttl.deny,
	mount_ttl.deny,
	owner.deny,
	plain_text.deny,
	production_write.deny,
	reserved_path.deny,
	reviews.deny,
	rotation.deny,
	separation.deny,
	shape.deny,
	sharing.deny,
	tier.deny,
	ttl.deny,
	upstream.deny,
	wildcard.deny,
})
