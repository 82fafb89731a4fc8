package portcullis.declaration_test

import data.portcullis.declaration

secret := {
	"name": "n",
	"source": {"file": "f.yaml", "line": 4},
	"environment": "production",
	"kind": "kv",
	"tier": "critical",
	"owner": "team",
	"ttl": {"default": 3600, "max": 14400},
	"incident_ttl": 900,
	"rotation_period": 86400,
	"grants": [{"workload": "a"}],
}

estate(changed) := {
	"secrets": [object.union(secret, changed)],
	"workloads": [],
	"ci_roles": [],
	"repositories": [],
}

test_a_sound_estate_is_allowed if declaration.allow with input as estate({})

test_each_rule_is_heard if {
	broken := {
		"ttl": {"ttl": {"default": 1, "max": 99999}},
		"incident_ttl": {"incident_ttl": 1801},
		"rotation": {"rotation_period": 9999999},
		"owner": {"owner": ""},
		"sharing": {"grants": [{"workload": "a"}, {"workload": "b"}]},
		"shape": {"name": ""},
	}
	every rule, changed in broken {
		not declaration.allow with input as estate(changed)
		{found.rule | some found in declaration.deny} == {rule} with input as estate(changed)
	}
}

test_no_input_is_denied if {
	not declaration.allow with input as {}
	count(declaration.deny) > 0 with input as {}
}

test_without_thresholds_nothing_is_allowed if {
	not declaration.allow with input as estate({}) with data.portcullis.thresholds as {}
}
