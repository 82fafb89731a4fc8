package portcullis.declaration.break_glass_test

import data.portcullis.declaration.break_glass

rules := [{"path": path, "capabilities": ["update"]} | some path in ["sys/policies/acl/*", "auth/*", "portcullis/*"]]

test_whole if count(break_glass.deny) == 0 with input as {"keepers": {"portcullis-break-glass": rules}}

test_what_is_missing_is_named if {
	fewer := [rule | some rule in rules; rule.path != "portcullis/*"]
	some found in break_glass.deny with input as {"keepers": {"portcullis-break-glass": fewer}}
	found.message == "break-glass lacks update on portcullis/data/incidents/INC"
}

test_nobody_told if count(break_glass.deny) == 6 with input as {}

test_nobody_changes_the_audit if {
	every path in ["sys/audit/file", "sys/*", "sys/audit", "+/audit", "*"] {
		bad := array.concat(rules, [{"path": path, "capabilities": ["delete"]}])
		count(break_glass.deny) == 1 with input as {"keepers": {"portcullis-break-glass": bad}}
	}
}

test_its_devices_may_be_listed if {
	listing := array.concat(rules, [{"path": "sys/audit", "capabilities": ["read", "sudo"]}])
	count(break_glass.deny) == 0 with input as {"keepers": {"portcullis-break-glass": listing}}
	every bad in [
		{"path": "sys/audit", "capabilities": ["read", "sudo", "update"]},
		{"path": "sys/audit", "capabilities": ["sudo"]},
		{"path": "sys/audit", "capabilities": {"read", "sudo", "delete"}},
		{"path": "sys/audit/file", "capabilities": ["read", "sudo"]},
		{"path": "sys/audit*", "capabilities": ["read", "sudo"]},
	] {
		more := array.concat(rules, [bad])
		count(break_glass.deny) == 1 with input as {"keepers": {"portcullis-break-glass": more}}
	}
}

test_without_thresholds if {
	told := {"keepers": {"portcullis-break-glass": rules}}
	count(break_glass.deny) == 1 with input as told with data.portcullis.thresholds as {}
}
