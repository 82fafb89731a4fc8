package portcullis.approval_test

import data.portcullis.approval

line := {
	"subject": "workload risk-engine",
	"what": "secret/data/risk/limits",
	"widens": true,
	"follows": false,
	"production": false,
	"new": false,
	"owner": "team-risk",
	"before": "",
	"witness": {"operation": "read", "path": "secret/data/risk/limits"},
	"files": [],
}

approved(login) := {"author": login, "state": "APPROVED", "commit_id": "cafe"}

teams := {"team-risk": ["rita"], "team-trading": ["tom"], "team-security": ["sam", "sue"]}

asking(change, reviews) := {
	"diff": {"base": "beef", "head": "cafe", "changes": [object.union(line, change)]},
	"pull": {"base": "beef", "head": "cafe", "author": "dana", "writers": ["dana"], "strangers": []},
	"reviews": reviews,
	"teams": teams,
}

limits := {
	"approval_security_team": "team-security",
	"approval_break_glass": {"identities": ["portcullis-break-glass"], "people": 2, "code": ["containment/compiled/*"]},
}

lacking(change, reviews) := found if {
	found := approval.missing with input as asking(change, reviews) with data.portcullis.thresholds as limits
}

teams_lacking(change, reviews) := {split(said, ":")[0] | some said in lacking(change, reviews)}

allowed(change, reviews) if {
	approval.allow with input as asking(change, reviews) with data.portcullis.thresholds as limits
}

test_the_owner_approves if allowed({}, [approved("Rita")])

test_nobody_has_approved if {
	not allowed({}, [])
	wanted := "team-risk: 0 of 1 approvals of cafe, for 1 changes: workload risk-engine: secret/data/risk/limits"
	lacking({}, []) == {wanted}
}

test_another_team_does_not if teams_lacking({}, [approved("tom"), approved("sam")]) == {"team-risk"}

test_what_widens_nothing_needs_nobody if {
	allowed({"widens": false}, [])
	allowed({"follows": true}, [])
}

test_production_needs_security_too if {
	teams_lacking({"production": true}, [approved("rita")]) == {"team-security"}
	teams_lacking({"production": true}, [approved("sam")]) == {"team-risk"}
	allowed({"production": true}, [approved("rita"), approved("sam")])
}

test_a_wildcard_needs_security_too if {
	every what in ["secret/data/risk/*", "secret/data/+/limits", "+/limits", "secret/+", "secret/+ (listed)"] {
		teams_lacking({"what": what}, [approved("rita")]) == {"team-security"}
	}
	allowed({"what": "secret/data/c++/limits"}, [approved("rita")])
}

test_what_has_no_owner_needs_security if {
	teams_lacking({"owner": ""}, []) == {"team-security"}
	allowed({"owner": ""}, [approved("sue")])
}

test_code_that_decides_access_needs_security if {
	code := {"subject": "code that decides access", "what": "changed", "owner": "", "production": true, "witness": null}
	teams_lacking(code, [approved("rita")]) == {"team-security"}
	allowed(code, [approved("sam")])
}

test_whom_only_what_is_new_names_needs_security_too if {
	teams_lacking({"new": true}, [approved("rita")]) == {"team-security"}
	teams_lacking({"new": true}, [approved("sam")]) == {"team-risk"}
	allowed({"new": true}, [approved("rita"), approved("sam")])
}

test_break_glass_needs_two_of_security if {
	change := {"subject": "operator portcullis-break-glass", "owner": ""}
	lacking(change, [approved("sam")]) == {concat("", [
		"team-security: 1 of 2 approvals of cafe, for 1 changes: ",
		"operator portcullis-break-glass: secret/data/risk/limits",
	])}
	teams_lacking(change, [approved("sam"), approved("SAM")]) == {"team-security"}
	allowed(change, [approved("sam"), approved("sue")])
}

test_what_break_glass_gains_is_no_less_for_following if {
	change := {"subject": "operator portcullis-break-glass", "owner": "", "follows": true}
	teams_lacking(change, [approved("sam")]) == {"team-security"}
	allowed(change, [approved("sam"), approved("sue")])
	allowed(object.union(change, {"widens": false}), [])
}

# What a diff of revisions says: break-glass is the same in every declaration, and another by its code alone.
changed_code(files) := {
	"subject": "code that decides access",
	"what": "changed",
	"owner": "",
	"production": true,
	"witness": null,
	"files": files,
}

test_code_that_compiles_break_glass_needs_two_of_security if {
	every file in ["containment/compiled/operators.py", "infra/portcullis/containment/compiled/hcl.py"] {
		change := changed_code(["Makefile", file])
		teams_lacking(change, [approved("sam")]) == {"team-security"}
		allowed(change, [approved("sam"), approved("sue")])
	}
	allowed(changed_code(["Makefile", "my-containment/compiled/a.py"]), [approved("sam")])
}

test_a_new_owner_does_not_approve_himself if {
	change := {"what": "owner", "owner": "", "before": "team-risk", "witness": null}
	teams_lacking(change, [approved("tom"), approved("sam")]) == {"team-risk"}
	allowed(change, [approved("rita")])
}

test_a_later_push_voids_an_approval if {
	teams_lacking({}, [object.union(approved("rita"), {"commit_id": "0ld"})]) == {"team-risk"}
}

test_the_author_does_not_count if {
	by_rita := object.union(asking({}, [approved("RITA")]), {"pull": {"author": "rita"}})
	not approval.allow with input as by_rita with data.portcullis.thresholds as limits
}

test_who_wrote_a_commit_does_not_count if {
	with_rita := object.union(asking({}, [approved("RITA")]), {"pull": {"writers": ["dana", "Rita"]}})
	not approval.allow with input as with_rita with data.portcullis.thresholds as limits
}

test_whose_commit_is_not_known_may_be_who_approves if {
	told := {"pull": {"strangers": ["commit cafe"]}}
	asked := object.union(asking({}, [approved("rita")]), told)
	found := approval.missing with input as asked with data.portcullis.thresholds as limits
	found == {"commit cafe: GitHub knows no login of who wrote or committed it; link the e-mail in it"}
	nothing := object.union(asking({"widens": false}, []), told)
	approval.allow with input as nothing with data.portcullis.thresholds as limits
}

test_without_the_writers_nothing_is_allowed if {
	every key in ["writers", "strangers"] {
		asked := json.remove(asking({"widens": false}, []), [sprintf("pull/%s", [key])])
		not approval.allow with input as asked with data.portcullis.thresholds as limits
	}
}

test_a_dismissed_approval_does_not_count if {
	teams_lacking({}, [approved("rita"), object.union(approved("rita"), {"state": "DISMISSED"})]) == {"team-risk"}
}

test_a_request_for_changes_holds_it_back if {
	against := {"author": "sue", "state": "CHANGES_REQUESTED", "commit_id": "0ld"}
	lacking({"production": true}, [approved("rita"), approved("sam"), against]) == {"sue asks for changes"}
	allowed({"production": true}, [approved("rita"), against, approved("sue")])
	allowed({}, [approved("rita"), against])
}

test_a_comment_takes_nothing_back if {
	allowed({}, [approved("rita"), object.union(approved("rita"), {"state": "COMMENTED"})])
}

test_only_a_comment_is_no_word if {
	teams_lacking({}, [object.union(approved("rita"), {"state": "COMMENTED"})]) == {"team-risk"}
}

test_an_unknown_team_is_named if {
	teams_lacking({"owner": "team-gone"}, [approved("sam")]) == {"team-gone"}
	"team-gone: GitHub knows no such team" in lacking({"owner": "team-gone"}, [])
}

test_a_diff_of_something_else_is_refused if {
	every stale in [{"base": "beef", "head": "0ld"}, {"base": "0ld", "head": "cafe"}] {
		changed := {"diff": object.union(stale, {"changes": []})}
		asked := object.union(asking({}, []), changed)
		not approval.allow with input as asked with data.portcullis.thresholds as limits
	}
}

test_what_is_missing_denies if {
	every key in ["diff", "pull", "reviews", "teams"] {
		asked := object.remove(asking({"widens": false}, []), [key])
		not approval.allow with input as asked with data.portcullis.thresholds as limits
	}
}

test_a_line_that_is_not_whole_denies if {
	flags := [{"widens": "no"}, {"follows": null}, {"production": 0}, {"new": ""}]
	every bad in array.concat(flags, [{"owner": null}, {"what": ""}, {"before": 1}, {"files": null}]) {
		not allowed(object.union({"widens": false}, bad), [approved("rita"), approved("sam"), approved("sue")])
	}
}

test_no_input_allows_nothing if {
	not approval.allow with input as {}
	count(approval.missing) == 2 with input as {}
}

test_without_the_code_of_break_glass_nothing_is_allowed if {
	every spec in [{"code": null}, {"identities": null}, {"people": 1}] {
		less := object.union(limits, {"approval_break_glass": spec})
		not approval.allow with input as asking({"widens": false}, []) with data.portcullis.thresholds as less
	}
}

test_without_thresholds_nothing_is_allowed if {
	not approval.allow with input as asking({"widens": false}, []) with data.portcullis.thresholds as {}
}
