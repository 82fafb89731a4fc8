# METADATA
# title: From where
# description: |
#   A credential is issued to a token that came about in one of the ways that are listed: made for a responder or an approved
#   apply, or logged in for by a job. One that somebody logged in for in another way asks from a place that nobody named.
# custom:
#   severity: high
#   remedy: ask with a token of a listed way, or have thresholds/data.yaml, issue_logins, name the one that yours came by
#   reference: NIST SP 800-53 r5, AC-3 (access enforcement)
package portcullis.issue.origin

import data.portcullis.thresholds

deny contains "how the requester's token came about is not listed" if not listed

listed if {
	is_array(thresholds.issue_logins)
	input.requester.login in thresholds.issue_logins
}
