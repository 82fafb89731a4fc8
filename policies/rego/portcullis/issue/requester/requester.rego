# METADATA
# title: Who asks
# description: A credential is issued to a named requester who holds the role; who that is, the server has said.
# custom:
#   severity: critical
#   remedy: ask with a token that may use the role's path
#   reference: NIST SP 800-53 r5, AC-3 (access enforcement)
package portcullis.issue.requester

deny contains "the requester is not known to hold the role" if not entitled

entitled if {
	is_string(input.requester.name)
	input.requester.name != ""
	is_string(input.role)
	input.role != ""
	is_array(input.requester.roles)
	input.role in input.requester.roles
}
