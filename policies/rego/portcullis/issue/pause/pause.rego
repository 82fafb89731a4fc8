# METADATA
# title: Paused roles
# description: For a role that an open incident pauses nothing is issued until the lift.
# custom:
#   severity: critical
#   remedy: rotate what leaked and lift the incident that is named
#   reference: NIST SP 800-61r2, 3.3 (containment)
package portcullis.issue.pause

import data.portcullis.issue.incident_state

deny contains sprintf("role %s is paused by incident %s", [input.role, incident.id]) if {
	some incident in incident_state.open
	input.role in incident.paused_roles
}
