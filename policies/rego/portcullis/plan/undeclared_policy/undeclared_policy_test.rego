package portcullis.plan.undeclared_policy_test

import data.portcullis.plan.undeclared_policy

writing(name, rules) := {
	"policies": {"pc-w-a": {"secret/data/a": ["read"]}, "pc-gate": {}},
	"steps": [{
		"op": "update",
		"type": "vault:index/policy:Policy",
		"name": name,
		"old": {},
		"new": {"name": name, "policy": json.marshal({"path": rules})},
	}],
}

test_declared if {
	count(undeclared_policy.deny) == 0 with input as writing("pc-w-a", {"secret/data/a": {"capabilities": ["read"]}})
	count(undeclared_policy.deny) == 0 with input as writing("pc-gate", {"secret/data/a": {"capabilities": ["deny"]}})
}

test_not_declared if {
	every bad in [
		writing("pc-w-b", {}),
		writing("pc-w-a", {"secret/data/a": {"capabilities": ["read", "update"]}}),
		writing("pc-w-a", {"secret/data/*": {"capabilities": ["read"]}}),
		writing("pc-gate", {"secret/data/a": {"capabilities": ["read"]}}),
		writing("pc-w-a", {"secret/data/a": {"capabilities": "read"}}),
		writing("pc-w-a", {"secret/data/a": {}}),
		json.patch(writing("pc-w-a", {}), [{"op": "replace", "path": "steps/0/new/policy", "value": "path \"*\" {}"}]),
		json.patch(writing("pc-w-a", {}), [{"op": "remove", "path": "policies"}]),
	] {
		count(undeclared_policy.deny) == 1 with input as bad
	}
}
