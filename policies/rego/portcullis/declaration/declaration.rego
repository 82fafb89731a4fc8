# METADATA
# title: Declaration
# description: The estate is allowed when it is whole and no rule objects.
# custom:
#   severity: critical
package portcullis.declaration

import data.portcullis.declaration.incident_ttl
import data.portcullis.declaration.owner
import data.portcullis.declaration.rotation
import data.portcullis.declaration.shape
import data.portcullis.declaration.sharing
import data.portcullis.declaration.ttl

default allow := false

allow if {
	is_array(input.secrets)
	count(deny) == 0
}

deny := ((((shape.deny | ttl.deny) | incident_ttl.deny) | rotation.deny) | owner.deny) | sharing.deny
