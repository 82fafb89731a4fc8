package portcullis.declaration.reserved_path_test

import data.portcullis.declaration.reserved_path

granted(path) := {"identities": [{"name": "w", "rules": [{"name": "n", "path": path, "field": "spec.secret.mount"}]}]}

test_a_secret if {
	every path in ["secret/data/a", "database/creds/r", "system/x"] {
		count(reserved_path.deny) == 0 with input as granted(path)
	}
}

test_the_server_itself if {
	every path in ["sys/mounts", "/sys/x", "auth/token/lookup", "identity/*", "+/mounts", "*", "s*", "portcullis/data/x", "auth/*", 3] {
		count(reserved_path.deny) == 1 with input as granted(path)
	}
}

test_child_tokens_are_judged_elsewhere if {
	count(reserved_path.deny) == 0 with input as granted("auth/token/create/pc-issue-w")
}

test_without_thresholds_every_path_is_reserved if {
	count(reserved_path.deny) == 1 with input as granted("secret/data/a") with data.portcullis.thresholds as {}
}
