# METADATA
# title: No weakening in an incident
# description: |
#   While an incident is open nothing that holds it is loosened: no denial goes, no branch is unlocked, no administrator is let
#   past a protection, no workflow runs again, no token or lease lives longer, no role that is off comes back. A lift is
#   judged by its own rules.
# custom:
#   severity: critical
#   remedy: lift the incident first, or plan with the incident in force (--config incident=keep)
#   reference: NIST SP 800-61r2, 3.3 (containment)
package portcullis.plan.incident_weakening

import data.portcullis.violation

deny contains violation.of(rego.metadata.chain(), step, what, message) if {
	held
	some step in input.steps
	some [what, message] in loosened(step)
}

# Not known to be over is open.
held if not over

over if {
	is_array(input.open_incidents)
	count(input.open_incidents) == 0
}

over if input.lifting == true

loosened(step) := [[what, message] |
	some what, was in held_by(step.old)
	not kept(was, object.get(held_by(step.new), what, null))
	message := sprintf("%s is loosened while an incident is open", [what])
]

kept(was, is) if was == is

kept(was, is) if {
	is_set(was)
	is_set(is)
	count(was - is) == 0
}

kept(was, is) if {
	is_number(was)
	is_number(is)
	is > 0
	is <= was
}

# What of a resource holds an incident, as it stands: a set may only grow, a number only shrink, all else stays.
held_by(inputs) := object.union_n([locks(inputs), lives(inputs), denials(inputs), off(inputs)])

locks(inputs) := {key: value |
	some [key, value] in [
		["lockBranch", true],
		["enforceAdmins", true],
		["enforcement", "active"],
		["enabled", false],
		["enabledRepositories", "none"],
	]
	inputs[key] == value
}

# 0, a negative one and none are the server's own maximum, which nothing is longer than.
lives(inputs) := {key: inputs[key] |
	some key in ["tokenTtl", "tokenMaxTtl", "defaultTtl", "maxTtl", "defaultLeaseTtlSeconds", "maxLeaseTtlSeconds"]
	inputs[key] > 0
}

denials(inputs) := {"denials": {path | some path, rule in policy.path; rule.capabilities == ["deny"]}} if {
	policy := json.unmarshal(inputs.policy)
} else := {}

off(inputs) := {"boundClaims": inputs.boundClaims} if {
	inputs.boundClaims.portcullis_off
} else := {}
