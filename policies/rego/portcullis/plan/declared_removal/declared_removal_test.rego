package portcullis.plan.declared_removal_test

import data.portcullis.plan.declared_removal

policy := "vault:index/policy:Policy"

role := "vault:jwt/authBackendRole:AuthBackendRole"

asked(op, type, name) := {
	"steps": [{"op": op, "type": type, "name": name, "old": {}, "new": {}}],
	"resources": {policy: {"pc-gate": {"name": ["pc-gate"]}}, role: {"a": {}}},
}

test_what_is_not_declared_may_go if {
	count(declared_removal.deny) == 0 with input as asked("delete", policy, "pc-w-gone")
	count(declared_removal.deny) == 0 with input as asked("delete", "t", "a")
}

test_what_is_declared_may_be_written if {
	every op in ["create", "update", "same"] {
		count(declared_removal.deny) == 0 with input as asked(op, policy, "pc-gate")
	}
}

test_what_is_declared_stays if {
	count(declared_removal.deny) == 1 with input as asked("delete", policy, "pc-gate")
	count(declared_removal.deny) == 1 with input as asked("delete", role, "a")
}

test_a_policy_that_is_replaced_is_gone if {
	every op in ["replace", "delete-replaced"] {
		count(declared_removal.deny) == 1 with input as asked(op, policy, "pc-gate")
		count(declared_removal.deny) == 0 with input as asked(op, role, "a")
	}
}
