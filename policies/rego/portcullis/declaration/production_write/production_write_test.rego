package portcullis.declaration.production_write_test

import data.portcullis.declaration.production_write

static(capabilities) := {
	"name": "n",
	"kind": "kv",
	"environment": "production",
	"grants": [{"workload": "w", "capabilities": capabilities}],
}

leased(grant) := {"name": "n", "kind": "database", "environment": "production", "secret": {"grant": grant}, "grants": []}

found(secret) := denied if {
	denied := production_write.deny with input as {"secrets": [secret]}
}

test_reading if {
	count(found(static(["read", "list"]))) == 0
	count(found(leased("readonly"))) == 0
}

test_writing if {
	every bad in [static(["read", "update"]), static(["create"]), static("read"), leased("ingest"), leased(1)] {
		count(found(bad)) == 1
	}
	some one in found(static(["create"]))
	one.field == "spec.grants[0].capabilities"
}

test_staging_and_what_is_listed_may if {
	count(found(object.union(static(["create"]), {"environment": "staging"}))) == 0
	count(found(object.union(leased("ingest"), {"environment": "staging"}))) == 0
	count(found(object.union(leased("ingest"), {"name": "market-data-ingest"}))) == 0
}

test_an_unknown_environment_is_production if {
	count(found(object.remove(static(["create"]), ["environment"]))) == 1
}

test_without_thresholds_no_database_grant_is_known_to_read if {
	found_then := production_write.deny with input as {"secrets": [leased("readonly")]} with data.portcullis.thresholds as {}
	count(found_then) == 1
}
