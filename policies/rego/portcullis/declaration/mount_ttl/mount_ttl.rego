# METADATA
# title: TTL of mounts
# description: A mount caps everything on it, whatever a role says; a mount without a cap of its own caps at 32 days.
# custom:
#   severity: medium
#   remedy: set spec.ttl.max of the mount to the limit or less
#   reference: OpenBao documentation, "Lease, Renew, and Revoke"; thresholds mount_ttl_max_seconds
package portcullis.declaration.mount_ttl

import data.portcullis.thresholds
import data.portcullis.violation

deny contains violation.of(rego.metadata.chain(), mount, "spec.ttl.max", message) if {
	some mount in input.mounts
	not bounded(mount)
	message := sprintf("the mount caps at %v s; at most %v s is allowed", [violation.said(mount, ["ttl", "max"]), limit])
}

# Never undefined: the message reads it, and the denial would vanish with the message.
default limit := "(unknown)"

limit := thresholds.mount_ttl_max_seconds

bounded(mount) if {
	is_number(mount.ttl.max)
	mount.ttl.max > 0
	mount.ttl.max <= thresholds.mount_ttl_max_seconds
}
