package portcullis.declaration.child_token_test

import data.portcullis.declaration.child_token

role := {"name": "w", "role": "pc-issue-w", "allowed_policies": ["pc-gate", "pc-quarantine", "pc-w-w"]}

granted(path, roles) := {
	"identities": [{"name": "w", "rules": [{"name": "n", "path": path, "field": ""}]}],
	"token_roles": roles,
}

test_no_child_tokens if count(child_token.deny) == 0 with input as granted("secret/data/x", [role])

test_through_a_role_that_forces_the_gate if {
	count(child_token.deny) == 0 with input as granted("auth/token/create/pc-issue-w", [role])
}

test_any_other_way if {
	every path in ["auth/token/create", "auth/token/create-orphan", "auth/token/create/other", "auth/token/*", "auth/+/create"] {
		count(child_token.deny) == 1 with input as granted(path, [role])
	}
}

test_a_role_that_forces_nothing if {
	count(child_token.deny) == 1 with input as granted("a", [object.union(role, {"allowed_policies": ["pc-w-w"]})])
	count(child_token.deny) == 1 with input as granted("a", [object.union(role, {"allowed_policies_glob": ["pc-*"]})])
	count(child_token.deny) == 1 with input as granted("a", [role]) with data.portcullis.thresholds as {}
}
