package portcullis.declaration.mount_ttl_test

import data.portcullis.declaration.mount_ttl

mount(seconds) := {"mounts": [{"name": "m", "ttl": {"max": seconds}}]}

test_at_the_limit if count(mount_ttl.deny) == 0 with input as mount(86400)

test_over_missing_or_no_number if {
	every bad in [86401, 0, "24h", null] { count(mount_ttl.deny) == 1 with input as mount(bad) }
	count(mount_ttl.deny) == 1 with input as {"mounts": [{"name": "m"}]}
	count(mount_ttl.deny) == 1 with input as mount(1) with data.portcullis.thresholds as {}
}
