# METADATA
# title: Break-glass
# description: |
#   One identity can lift without the operator's token, and nobody who works day by day is it. Nobody, it included, may switch
#   the audit off. To list its devices, which the server lets nobody do without sudo, changes none.
# custom:
#   severity: critical
#   remedy: mend the keepers' policies in containment/compiled/operators.py
#   reference: NIST SP 800-53 r5, AC-2(2) and AU-9 (emergency accounts, protection of audit); thresholds lifting_needs
package portcullis.declaration.break_glass

import data.portcullis.paths
import data.portcullis.thresholds
import data.portcullis.violation

deny contains violation.of(rego.metadata.chain(), {"name": "portcullis-break-glass"}, "", message) if {
	some need in thresholds.lifting_needs
	not granted(need)
	message := sprintf("break-glass lacks %s on %s", [need.capability, need.path])
}

deny contains violation.of(rego.metadata.chain(), {}, "", "what lifting needs is not known") if {
	not needs_known
}

deny contains violation.of(rego.metadata.chain(), {"name": keeper}, "", message) if {
	some keeper, rules in input.keepers
	some rule in rules
	not harmless(rule)
	message := sprintf("%s may change the audit by %q", [keeper, rule.path])
}

needs_known if count(thresholds.lifting_needs) > 0

granted(need) if {
	some rule in input.keepers["portcullis-break-glass"]
	need.capability in rule.capabilities
	paths.covers(rule.path, need.path)
}

# Nearly all are elsewhere, and a regular expression is quick.
harmless(rule) if not regex.match(`^/*(sys|[^/]*[*+])`, rule.path)

harmless(rule) if {
	is_array(rule.capabilities)
	not paths.reaches(rule.path, ["sys", "audit"])
}

harmless(rule) if {
	rule.path == "sys/audit"
	{capability | some capability in rule.capabilities} == {"read", "sudo"}
}
