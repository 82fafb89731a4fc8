package portcullis.plan_test

import data.portcullis.plan

sound := {
	"errors": [],
	"policies": {"pc-w-a": {"secret/data/a": ["read"]}},
	"resources": {
		"t": {"n": {}, "x": {"lockBranch": [null]}},
		"vault:index/policy:Policy": {"x": {"name": {"all": []}, "policy": {"all": []}}},
	},
	"open_incidents": ["INC-7"],
	"lifting": false,
	"steps": [{"op": "update", "type": "t", "name": "n", "old": {}, "new": {}}],
}

policy(text) := {"op": "create", "type": "vault:index/policy:Policy", "name": "x", "old": {}, "new": {"name": "x", "policy": text}}

broken := {
	"audit_removal": {"op": "delete", "type": "vault:index/audit:Audit", "name": "x", "old": {}, "new": {}},
	"declared_removal": {"op": "delete", "type": "t", "name": "x", "old": {}, "new": {}},
	"incident_weakening": {"op": "update", "type": "t", "name": "x", "old": {"lockBranch": true}, "new": {}},
	"mount_removal": {"op": "delete", "type": "vault:index/mount:Mount", "name": "x", "old": {}, "new": {}},
	"plan_shape": {"op": "mangle", "type": "t", "name": "n", "old": {}, "new": {}},
	"repository_protection": {
		"op": "delete",
		"type": "github:index/repositoryRuleset:RepositoryRuleset",
		"name": "x",
		"old": {},
		"new": {},
	},
	"undeclared_policy": policy("{}"),
	"undeclared_resource": {"op": "create", "type": "vault:generic/endpoint:Endpoint", "name": "x", "old": {}, "new": {}},
}

test_a_sound_plan_is_allowed if plan.allow with input as sound

test_each_rule_is_heard if {
	every rule, step in broken {
		asked := object.union(sound, {"steps": [step]})
		not plan.allow with input as asked
		{found.rule | some found in plan.deny} == {rule} with input as asked
	}
}

test_nothing_told_is_denied if {
	not plan.allow with input as {}
	count(plan.deny) > 0 with input as {}
}
