package portcullis.paths_test

import data.portcullis.paths

test_reaches if {
	every pattern in ["auth/token/create", "auth/token/create-orphan", "auth/token/create/r"] {
		paths.reaches(pattern, ["auth", "token", "create*"])
	}
	every pattern in ["auth/+/create", "auth/*", "*", "/auth/token/c*", "auth/token/create-o*"] {
		paths.reaches(pattern, ["auth", "token", "create*"])
	}
	every pattern in ["auth/token/lookup", "auth/token/l*", "auth/token", "secret/*", "auth/tok", "+/x/create"] {
		not paths.reaches(pattern, ["auth", "token", "create*"])
	}
}

test_only if {
	every pattern in ["auth/token/create", "auth/token/create/r", "auth/token/create-orphan"] {
		paths.only(pattern, ["auth", "token", "create*"])
	}
	every pattern in ["auth/*", "auth/+/create", "auth/token/c*", "secret/data/x"] {
		not paths.only(pattern, ["auth", "token", "create*"])
	}
}

test_covers if {
	every pattern in ["a/b/c", "a/+/c", "a/*", "a/b/c*", "*", "a/b/*"] { paths.covers(pattern, "a/b/c") }
	every pattern in ["a/b", "a/b/c/d", "a/b/c/*", "a/+/d", "b*", "a/+"] { not paths.covers(pattern, "a/b/c") }
}
