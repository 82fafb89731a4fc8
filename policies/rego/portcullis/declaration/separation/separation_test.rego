package portcullis.declaration.separation_test

import data.portcullis.declaration.separation

secrets := [{"name": name} | some name in ["exchange-trading-key", "risk-limits-token", "settlement-readonly"]]

holding(names) := {
	"secrets": secrets,
	"identities": [{"name": "w", "rules": [{"secret": name} | some name in names]}],
}

renaming := {"separated_secrets": [[["exchange-trading-key", "exchange-order-key"], "risk-limits-token"]]}

test_apart if {
	count(separation.deny) == 0 with input as holding(["exchange-trading-key", "order-router-fix"])
}

test_together if {
	count(separation.deny) == 1 with input as holding(["exchange-trading-key", "risk-limits-token"])
}

both := ["exchange-trading-key", "risk-limits-token"]

copying(names) := {"name": "r", "actions_secrets": [{"name": "S", "secret": name} | some name in names]}

test_a_repository_holds_what_it_copies if {
	asked := object.union(holding([]), {"repositories": [copying(both)]})
	count(separation.deny) == 1 with input as asked
	apart := object.union(holding([]), {"repositories": [copying(["exchange-trading-key"]), copying(["risk-limits-token"])]})
	count(separation.deny) == 0 with input as apart
}

test_a_repository_holds_what_its_workflows_log_in_for if {
	role := {"name": "ci", "repository": "r", "secrets": ["risk-limits-token"]}
	asked := object.union(holding([]), {"repositories": [copying(["exchange-trading-key"])], "ci_roles": [role]})
	found := separation.deny with input as asked
	{[one.name, one.message] | some one in found} == {["r", "holds exchange-trading-key and risk-limits-token together"]}
	elsewhere := json.patch(asked, [{"op": "replace", "path": "ci_roles/0/repository", "value": "other"}])
	count(separation.deny) == 0 with input as elsewhere
}

test_under_another_name_nothing_is_kept_apart if {
	renamed := object.union(holding([]), {"secrets": array.concat(secrets, [{"name": "exchange-order-key"}])})
	count(separation.deny) == 0 with input as renamed
	gone := json.patch(renamed, [{"op": "remove", "path": "secrets/0"}])
	found := separation.deny with input as gone
	{one.message | some one in found} == {"no secret is called exchange-trading-key: nothing is kept apart from it"}
	count(separation.deny) == 0 with input as gone with data.portcullis.thresholds as renaming
}

test_both_names_are_kept_apart_while_it_is_renamed if {
	every name in ["exchange-trading-key", "exchange-order-key"] {
		asked := holding([name, "risk-limits-token"])
		found := separation.deny with input as asked with data.portcullis.thresholds as renaming
		{one.message | some one in found} == {"holds exchange-order-key or exchange-trading-key and risk-limits-token together"}
	}
}

test_a_name_that_is_none_is_refused if {
	wrong := {"separated_secrets": [[3, "risk-limits-token"]]}
	count(separation.deny) == 1 with input as holding([]) with data.portcullis.thresholds as wrong
}

test_without_the_list_nothing_is_allowed if {
	count(separation.deny) == 1 with input as holding([]) with data.portcullis.thresholds as {}
}
