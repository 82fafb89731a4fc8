package portcullis.issue_test

import data.portcullis.issue

asked := {
	"requester": {"name": "deployer", "roles": ["cicd"], "login": "auth/jwt/login"},
	"role": "cicd",
	"ttl": 1800,
	"now": time.now_ns() / 1000000000,
	"incidents": [],
}

incident := {"id": "I", "state": "open", "paused_roles": []}

during(changed) := object.union(asked, {"incidents": [object.union(incident, changed)]})

test_peace if {
	issue.allow with input as object.union(asked, {"ttl": 3600})
	count(issue.reasons) == 0 with input as asked
}

test_too_long_in_peace if not issue.allow with input as object.union(asked, {"ttl": 3601})

test_half_an_hour_during_an_incident if {
	issue.allow with input as during({})
	not issue.allow with input as object.union(during({}), {"ttl": 1801})
	issue.reasons == {"the ttl is not between 1 and 1800 s"} with input as object.union(during({}), {"ttl": 1801})
}

test_a_paused_role_names_the_incident if {
	not issue.allow with input as during({"paused_roles": ["cicd"]})
	issue.reasons == {"role cicd is paused by incident I"} with input as during({"paused_roles": ["cicd"]})
}

test_a_lifted_incident_pauses_nothing if {
	issue.allow with input as object.union(during({"state": "lifted", "paused_roles": ["cicd"]}), {"ttl": 3600})
}

test_somebody_elses_role if {
	not issue.allow with input as object.union(asked, {"role": "admin"})
	issue.reasons == {"the requester is not known to hold the role"} with input as object.union(asked, {"role": "admin"})
}

test_anything_missing_denies_with_a_reason if {
	every name in ["requester", "role", "ttl", "now", "incidents"] {
		not issue.allow with input as object.remove(asked, [name])
		count(issue.reasons) > 0 with input as object.remove(asked, [name])
	}
	not issue.allow with input as {}
}

test_nonsense_denies if {
	every spec in [{"ttl": "1800"}, {"ttl": 0}, {"incidents": "none"}, {"requester": {"name": "", "roles": ["cicd"]}}] {
		not issue.allow with input as object.union(asked, spec)
	}
	not issue.allow with input as during({"state": "unknown"})
	not issue.allow with input as during({"paused_roles": "cicd"})
}

test_without_thresholds_nothing_is_issued if {
	not issue.allow with input as asked with data.portcullis.thresholds as {}
}
