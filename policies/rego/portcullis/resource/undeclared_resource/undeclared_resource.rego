# METADATA
# title: Resources from the declarations only
# description: |
#   Pulumi writes a resource of a type, under a name and with inputs that the declarations give, and nothing else. `resources`
#   holds what they give, by type, name and path of the input: a list of the values that it may have, null where it may be
#   left out, or `all`, what a list holds beside anything else.
# custom:
#   severity: critical
#   remedy: declare it; for a new type of resource, add what may be declared of it
#   reference: NIST SP 800-53 r5, CM-3 (configuration change control)
package portcullis.resource.undeclared_resource

import data.portcullis.violation

deny contains violation.of(rego.metadata.chain(), step, "type", message) if {
	some step in written
	not known(step)
	message := sprintf("no declaration makes a %v", [violation.said(step, ["type"])])
}

deny contains violation.of(rego.metadata.chain(), step, "name", message) if {
	some step in written
	known(step)
	not declared(step)
	message := sprintf("%v %v is not declared", [step.type, violation.said(step, ["name"])])
}

deny contains violation.of(rego.metadata.chain(), step, field, message) if {
	some step in written
	some field in (different(step) | beyond(step))
	message := sprintf("%v of %v %v is not, or not so, declared", [field, step.type, step.name])
}

# What goes is not: of that another rule tells.
written := [step |
	some step in input.steps
	not object.get(step, "op", "") in {"delete", "delete-replaced", "read", "read-replacement", "refresh"}
]

known(step) if input.resources[step.type]

declared(step) := input.resources[step.type][step.name]

different(step) := {field |
	some field, wanted in declared(step)
	not fits(step, field, wanted)
}

fits(step, field, wanted) if object.get(step.new, place(field), null) in wanted

fits(step, field, wanted) if {
	every one in wanted.all { one in object.get(step.new, place(field), null) }
}

# What is left of the inputs when those that are declared are taken out; `__defaults` is what the provider notes.
beyond(step) := {concat("/", [sprintf("%v", [part]) | some part in path]) |
	walk(json.remove(step.new, object.keys(declared(step))), [path, value])
	not is_object(value)
	not is_array(value)
	not "__defaults" in path
}

place(field) := [part(text) | some text in split(field, "/")]

part(text) := to_number(text) if regex.match(`^\d+$`, text)

part(text) := text if not regex.match(`^\d+$`, text)
