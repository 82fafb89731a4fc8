package portcullis.declaration_test

import data.portcullis.declaration

source := {"file": "f.yaml", "line": 4}

secret := {
	"name": "n",
	"source": source,
	"environment": "production",
	"kind": "kv",
	"tier": "critical",
	"owner": "team",
	"description": "A key.",
	"ttl": {"default": 3600, "max": 14400},
	"incident_ttl": 900,
	"rotation_period": 86400,
	"upstream": {"name": "exchange", "account": "a"},
	"grants": [{"workload": "a", "capabilities": ["read"]}],
}

rule := {"name": "n", "source": source, "secret": "n", "path": "secret/data/n", "field": "spec.secret.path"}

# What separated_secrets names is declared, each held by nobody here.
separated := [object.union(secret, {"name": name, "grants": []}) |
	some name in ["exchange-trading-key", "risk-limits-token", "settlement-readonly"]
]

sound := {
	"secrets": array.concat([secret], separated),
	"mounts": [{"name": "m", "source": source, "ttl": {"max": 86400}}],
	"workloads": [{"name": "a", "source": source, "owner": "team", "ttl": {"max": 14400}}],
	"ci_roles": [],
	"repositories": [{"name": "r", "source": source, "owner": "team", "control": false, "required_approvals": 1}],
	"identities": [{"name": "a", "kind": "workload", "source": source, "policies": ["pc-gate", "pc-quarantine"], "rules": [rule]}],
	"token_roles": [],
	"keepers": {
		"portcullis-operator": [],
		"portcullis-containment": [],
		"portcullis-break-glass": [{"path": path, "capabilities": ["update"]} |
			some path in ["sys/policies/acl/*", "auth/*", "portcullis/*"]
		],
		"portcullis-rotator": [],
		"portcullis-prober": [],
		"portcullis-drift": [],
	},
}

broken := {
	"break_glass": [{"op": "add", "path": "keepers/portcullis-drift/0", "value": {"path": "sys/audit", "capabilities": []}}],
	"child_token": [{"op": "replace", "path": "identities/0/rules/0/path", "value": "auth/token/create"}],
	"duties": [{"op": "remove", "path": "keepers/portcullis-drift"}],
	"gate": [{"op": "replace", "path": "identities/0/policies", "value": []}],
	"incident_ttl": [{"op": "replace", "path": "secrets/0/incident_ttl", "value": 1801}],
	"login_ttl": [{"op": "replace", "path": "workloads/0/ttl/max", "value": 14401}],
	"mount_ttl": [{"op": "replace", "path": "mounts/0/ttl/max", "value": 86401}],
	"owner": [{"op": "replace", "path": "secrets/0/owner", "value": ""}],
	"plain_text": [{"op": "replace", "path": "secrets/0/description", "value": "\u202e"}],
	"production_write": [{"op": "replace", "path": "secrets/0/grants/0/capabilities", "value": ["update"]}],
	"reserved_path": [{"op": "replace", "path": "identities/0/rules/0/path", "value": "sys/mounts"}],
	"reviews": [{"op": "replace", "path": "repositories/0/required_approvals", "value": 0}],
	"rotation": [{"op": "replace", "path": "secrets/0/rotation_period", "value": 9999999}],
	"separation": [{"op": "replace", "path": "identities/0/rules", "value": [
		object.union(rule, {"secret": "exchange-trading-key"}),
		object.union(rule, {"secret": "risk-limits-token"}),
	]}],
	"shape": [{"op": "replace", "path": "secrets/0/name", "value": ""}],
	"sharing": [{"op": "add", "path": "secrets/0/grants/1", "value": {"workload": "b", "capabilities": ["read"]}}],
	"tier": [{"op": "replace", "path": "secrets/0/tier", "value": "vip"}],
	"ttl": [{"op": "replace", "path": "secrets/0/ttl/max", "value": 99999}],
	"upstream": [{"op": "remove", "path": "secrets/0/upstream"}],
	"wildcard": [{"op": "replace", "path": "identities/0/rules/0/path", "value": "secret/data/+"}],
}

# Without a tier there are no limits, so the rules that have one by tier object too.
also := {"tier": {"ttl", "rotation"}}

test_a_sound_estate_is_allowed if {
	declaration.allow with input as sound
	count(declaration.deny) == 0 with input as sound
}

test_each_rule_is_heard if {
	every name, change in broken {
		not declaration.allow with input as json.patch(sound, change)
		found := declaration.deny with input as json.patch(sound, change)
		{one.rule | some one in found} == object.get(also, name, set()) | {name}
	}
}

test_no_input_is_denied if {
	not declaration.allow with input as {}
	count(declaration.deny) > 0 with input as {}
}

test_without_thresholds_nothing_is_allowed if {
	not declaration.allow with input as sound with data.portcullis.thresholds as {}
}
