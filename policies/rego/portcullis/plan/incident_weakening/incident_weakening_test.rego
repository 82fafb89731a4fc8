package portcullis.plan.incident_weakening_test

import data.portcullis.plan.incident_weakening

during(old, new) := {
	"open_incidents": ["INC-7"],
	"lifting": false,
	"steps": [{"op": "update", "type": "t", "name": "n", "old": old, "new": new}],
}

denying(paths) := {"policy": json.marshal({"path": {path: {"capabilities": ["deny"]} | some path in paths}})}

held := {
	"lockBranch": [{"lockBranch": true}, {"lockBranch": false}],
	"enforceAdmins": [{"enforceAdmins": true}, {"enforceAdmins": false}],
	"enforcement": [{"enforcement": "active"}, {"enforcement": "disabled"}],
	"enabled": [{"enabled": false}, {"enabled": true}],
	"enabledRepositories": [{"enabledRepositories": "none"}, {"enabledRepositories": "all"}],
	"tokenMaxTtl": [{"tokenMaxTtl": 900}, {"tokenMaxTtl": 3600}],
	"maxTtl": [{"maxTtl": 900}, {}],
	"denials": [denying(["a", "b"]), denying(["a"])],
	"boundClaims": [{"boundClaims": {"portcullis_off": "true"}}, {"boundClaims": {"sub": "x"}}],
}

test_each_way_to_loosen if {
	every what, pair in held {
		found := incident_weakening.deny with input as during(pair[0], pair[1])
		{v.field | some v in found} == {what}
	}
}

test_tightening_is_free if {
	every pair in object.remove(held, ["maxTtl"]) {
		count(incident_weakening.deny) == 0 with input as during(pair[1], pair[0])
	}
	count(incident_weakening.deny) == 0 with input as during({"maxTtl": 900}, {"maxTtl": 60})
}

# The server takes 0, a negative one and none for its own maximum.
test_without_a_limit_is_longest if {
	every limitless in [{"tokenMaxTtl": 0}, {"tokenMaxTtl": -1}, {"tokenMaxTtl": "900"}, {"tokenMaxTtl": null}, {}] {
		count(incident_weakening.deny) == 1 with input as during({"tokenMaxTtl": 900}, limitless)
	}
	every limitless in [{"tokenMaxTtl": 0}, {"tokenMaxTtl": -1}, {}] {
		every new in [{"tokenMaxTtl": 900}, {"tokenMaxTtl": 0}, {}] {
			count(incident_weakening.deny) == 0 with input as during(limitless, new)
		}
	}
}

test_what_stays_as_it_was if {
	every pair in held { count(incident_weakening.deny) == 0 with input as during(pair[0], pair[0]) }
}

test_in_peace_and_by_a_lift_it_may if {
	every changed in [{"open_incidents": []}, {"lifting": true}] {
		every pair in held {
			count(incident_weakening.deny) == 0 with input as object.union(during(pair[0], pair[1]), changed)
		}
	}
}

test_not_known_to_be_over_is_open if {
	asked := object.remove(during({"lockBranch": true}, {}), ["open_incidents"])
	count(incident_weakening.deny) == 1 with input as asked
}
