# METADATA
# title: Audit stays
# description: No plan removes or changes an audit device, or what it leaves out of its records.
# custom:
#   severity: critical
#   remedy: leave the audit device as it is; it is the server's administrator's
#   reference: NIST SP 800-53 r5, AU-9 (protection of audit information)
package portcullis.plan.audit_removal

import data.portcullis.violation

deny contains violation.of(rego.metadata.chain(), step, step.type, sprintf("%s of an audit device", [step.op])) if {
	some step in input.steps
	startswith(step.type, "vault:index/audit")
	not step.op in {"same", "read", "create"}
}

# What a mount leaves out of the hashing lies in the audit log in the clear.
deny contains violation.of(rego.metadata.chain(), step, key, "values of this mount would be in the audit log in the clear") if {
	some step in input.steps
	some key in ["auditNonHmacRequestKeys", "auditNonHmacResponseKeys"]
	count(step.new[key]) > 0
}
