package portcullis.plan.audit_removal_test

import data.portcullis.plan.audit_removal

step(op, type, new) := {"steps": [{"op": op, "type": type, "name": "n", "old": {}, "new": new}]}

test_untouched if {
	count(audit_removal.deny) == 0 with input as step("create", "vault:index/audit:Audit", {})
	count(audit_removal.deny) == 0 with input as step("update", "vault:index/mount:Mount", {"auditNonHmacRequestKeys": []})
}

test_removed_or_changed if {
	every op in ["delete", "replace", "update"] {
		count(audit_removal.deny) == 1 with input as step(op, "vault:index/audit:Audit", {})
	}
}

test_values_in_the_clear if {
	count(audit_removal.deny) == 1 with input as step("update", "vault:index/mount:Mount", {"auditNonHmacResponseKeys": ["data"]})
}
