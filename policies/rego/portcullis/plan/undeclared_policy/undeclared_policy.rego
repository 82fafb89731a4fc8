# METADATA
# title: Policies from the declarations only
# description: A policy is written only under a name that the declarations give, and grants only what they grant.
# custom:
#   severity: critical
#   remedy: declare the grant, and let the program compile it
#   reference: NIST SP 800-53 r5, CM-3 (configuration change control)
package portcullis.plan.undeclared_policy

import data.portcullis.violation

deny contains violation.of(rego.metadata.chain(), step, "policy", message) if {
	some step in input.steps
	step.type == "vault:index/policy:Policy"
	step.op in {"create", "update", "replace", "create-replacement", "import"}
	not declared(step)
	message := sprintf("policy %v is not, or not so, declared", [violation.said(step, ["new", "name"])])
}

declared(step) if {
	rules := json.unmarshal(step.new.policy)
	object.keys(rules) == {"path"}
	granted := input.policies[step.new.name]
	every path, rule in rules.path { covered(rule.capabilities, object.get(granted, path, [])) }
}

covered(capabilities, _) if capabilities == ["deny"]

covered(capabilities, granted) if {
	is_array(capabilities)
	every capability in capabilities { capability in granted }
}
