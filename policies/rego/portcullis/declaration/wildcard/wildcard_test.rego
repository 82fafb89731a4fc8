package portcullis.declaration.wildcard_test

import data.portcullis.declaration.wildcard

granted(path) := {"identities": [{"name": "w", "rules": [{"name": "n", "path": path, "field": "spec.secret.path"}]}]}

test_exact if count(wildcard.deny) == 0 with input as granted("secret/data/a/b")

test_patterns if {
	every path in ["*", "secret/*", "secret/+/a", "secret/data/{{identity.entity.id}}", 3] {
		count(wildcard.deny) == 1 with input as granted(path)
	}
}

test_an_allowed_pattern if {
	allowed := {"wildcard_paths": ["secret/data/w/*"]}
	count(wildcard.deny) == 0 with input as granted("secret/data/w/*") with data.portcullis.thresholds as allowed
	count(wildcard.deny) == 1 with input as granted("secret/data/*") with data.portcullis.thresholds as allowed
	count(wildcard.deny) == 1 with input as granted("secret/*") with data.portcullis.thresholds as {}
}
