package portcullis.declaration.duties_test

import data.portcullis.declaration.duties

apart := {
	"portcullis-operator": [{"path": "sys/policies/acl/pc-*", "capabilities": ["update"]}],
	"portcullis-containment": [{"path": "auth/approle/role/+/secret-id", "capabilities": ["list"]}],
	"portcullis-break-glass": [{"path": "*", "capabilities": ["update"]}],
	"portcullis-rotator": [{"path": "auth/approle/role/w/secret-id", "capabilities": ["update"]}],
	"portcullis-prober": [{"path": "auth/token/create/pc-probe", "capabilities": ["update"]}],
	"portcullis-drift": [{"path": "sys/policies/acl/*", "capabilities": ["read"]}],
}

test_apart if count(duties.deny) == 0 with input as {"keepers": apart}

test_both_in_one_hand if {
	every keeper, path in {
		"portcullis-prober": "sys/policy/x",
		"portcullis-operator": "auth/token/create-orphan",
		"portcullis-rotator": "sys/*",
		"portcullis-drift": "*",
	} {
		more := array.concat(apart[keeper], [{"path": path, "capabilities": ["update"]}])
		count(duties.deny) == 1 with input as {"keepers": object.union(apart, {keeper: more})}
	}
}

test_who_is_not_told_is_refused if {
	count(duties.deny) == 1 with input as {"keepers": object.remove(apart, ["portcullis-drift"])}
	count(duties.deny) == 6 with input as {}
}
