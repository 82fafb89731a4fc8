package portcullis.declaration.separation_test

import data.portcullis.declaration.separation

holding(names) := {"identities": [{"name": "w", "rules": [{"secret": name} | some name in names]}]}

test_apart if {
	count(separation.deny) == 0 with input as holding(["exchange-trading-key", "order-router-fix"])
}

test_together if {
	count(separation.deny) == 1 with input as holding(["exchange-trading-key", "risk-limits-token"])
}

test_without_the_list_nothing_is_allowed if {
	count(separation.deny) == 1 with input as holding([]) with data.portcullis.thresholds as {}
}
