package portcullis.plan.mount_removal_test

import data.portcullis.plan.mount_removal

step(op) := {"steps": [{"op": op, "type": "vault:index/mount:Mount", "name": "n", "old": {}, "new": {}}]}

test_made_or_changed if {
	every op in ["create", "update", "same"] { count(mount_removal.deny) == 0 with input as step(op) }
}

test_gone if {
	every op in ["delete", "replace"] { count(mount_removal.deny) == 1 with input as step(op) }
}
