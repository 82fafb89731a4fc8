# METADATA
# title: Mounts stay
# description: No plan deletes or replaces a mount, and every secret or lease on it with it.
# custom:
#   severity: critical
#   remedy: keep the mount declared; an administrator removes one by hand when it is empty
#   reference: OpenBao documentation, "secrets disable" (all secrets of the mount are deleted)
package portcullis.plan.mount_removal

import data.portcullis.violation

deny contains violation.of(rego.metadata.chain(), step, step.type, "everything on the mount would be gone") if {
	some step in input.steps
	step.type == "vault:index/mount:Mount"
	step.op in {"delete", "replace", "delete-replaced", "create-replacement"}
}
