package portcullis.granting_test

import data.portcullis.granting

declared := {"name": "s", "source": {"file": "f.yaml", "line": 3}, "field": "spec.secret.path"}

test_the_secret_that_it_names if {
	granting.by({"path": "a", "secret": "s"}) == declared with input as {"granted": {"s": declared}}
	granting.field({"path": "a", "secret": "s"}) == "spec.secret.path" with input as {"granted": {"s": declared}}
}

test_what_it_says_itself if {
	every rule in [{"path": "a", "field": "x"}, {"path": "a", "secret": "other", "field": "x"}] {
		granting.by(rule) == rule with input as {"granted": {"s": declared}}
		granting.field(rule) == "x" with input as {}
	}
}

test_nothing_vanishes if {
	every rule in [3, {}, {"secret": "s"}] {
		granting.by(rule) == rule with input as {}
		granting.field(rule) == "" with input as {}
	}
}
