# METADATA
# title: Issue
# description: A credential is issued when the question is whole and no rule objects; every input that is missing is an objection.
# custom:
#   severity: critical
#   remedy: mend what each reason names
#   reference: README.md
package portcullis.issue

import data.portcullis.issue.duration
import data.portcullis.issue.incident_state
import data.portcullis.issue.moment
import data.portcullis.issue.origin
import data.portcullis.issue.pause
import data.portcullis.issue.requester

default allow := false

allow if {
	is_string(input.role)
	count(reasons) == 0
}

reasons := union({duration.deny, incident_state.deny, moment.deny, origin.deny, pause.deny, requester.deny})
