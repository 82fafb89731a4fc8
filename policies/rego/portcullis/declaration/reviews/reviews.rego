# METADATA
# title: Reviews
# description: |
#   Nobody merges alone. A repository that keeps taking merges in an incident needs two approvals, and more than one person who
#   may merge; and somebody else approves what was pushed last, since an e-mail in a commit may be another's.
# custom:
#   severity: high
#   remedy: raise spec.requiredApprovals, and for a control repository name at least two mergers and set lastPushApproval
#   reference: SLSA v1.2 source track, two-party review; thresholds approvals_min
package portcullis.declaration.reviews

import data.portcullis.thresholds
import data.portcullis.violation

deny contains violation.of(rego.metadata.chain(), repository, "spec.requiredApprovals", message) if {
	some repository in input.repositories
	not reviewed(repository)
	is := violation.said(repository, "required_approvals")
	message := sprintf("%v approvals are required; at least %v are needed", [is, needed(repository)])
}

deny contains violation.of(rego.metadata.chain(), repository, "spec.mergers", "one person alone may merge in an incident") if {
	some repository in input.repositories
	not repository.control == false
	not count({merger | some merger in repository.mergers}) > 1
}

deny contains violation.of(rego.metadata.chain(), repository, "spec.protection.lastPushApproval", message) if {
	some repository in input.repositories
	not repository.control == false
	not repository.protection.last_push_approval == true
	message := "whoever pushes last, under another's e-mail, may approve it"
}

reviewed(repository) if {
	is_number(repository.required_approvals)
	repository.required_approvals >= needed(repository)
	is_number(needed(repository))
}

# Never undefined: the message reads it, and the denial would vanish with the message.
default needed(_) := "(unknown)"

needed(repository) := thresholds.approvals_min.ordinary if {
	repository.control == false
} else := thresholds.approvals_min.control
