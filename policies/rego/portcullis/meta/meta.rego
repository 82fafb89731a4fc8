# METADATA
# title: Rules about rules
# description: |
#   Every rule is documented, tested and heard. Asked with what OPA's own tools say of the bundle: `namespaces` and
#   `annotations` of `opa inspect -a`, and `heard`, for each area the packages that `opa deps` finds behind its decision.
package portcullis.meta

default allow := false

allow if {
	is_object(input.namespaces)
	count(rules) > 0
	count(deny) == 0
}

areas := {"declaration", "plan", "resource", "issue", "lift", "approval"}

# A rule is a package of its own below an area: data.portcullis.<area>.<rule>.
rules contains name if {
	some name, _ in input.namespaces
	parts := split(name, ".")
	count(parts) == 4
	parts[2] in areas
	not endswith(name, "_test")
}

deny contains sprintf("%s: METADATA has no %s", [rule, wanted]) if {
	some rule in rules
	some wanted in ["title", "description", "severity", "remedy", "reference"]
	not told(rule, wanted)
}

deny contains sprintf("%s: %q is no severity", [rule, severity]) if {
	some rule in rules
	severity := annotated[rule].custom.severity
	not severity in {"critical", "high", "medium", "low"}
}

deny contains sprintf("%s: no test beside it", [rule]) if {
	some rule in rules
	not tested(rule)
}

deny contains sprintf("%s: its folder is not its package", [rule]) if {
	some rule in rules
	not at_home(rule)
}

deny contains sprintf("%s: its area does not hear it", [rule]) if {
	some rule in rules
	not heard(rule)
}

deny contains sprintf("%s: another rule is called so too", [rule]) if {
	some rule in rules
	some other in rules
	rule != other
	split(rule, ".")[3] == split(other, ".")[3]
}

told(rule, wanted) if trim_space(annotated[rule][wanted]) != ""

told(rule, wanted) if trim_space(annotated[rule].custom[wanted]) != ""

annotated[name] := one.annotations if {
	some one in input.annotations
	one.annotations.scope == "package"
	name := concat(".", [part.value | some part in one.path])
}

tested(rule) if {
	some file in input.namespaces[sprintf("%s_test", [rule])]
	folder_of(file) == folder_of(input.namespaces[rule][0])
}

at_home(rule) if {
	wanted := concat("/", array.slice(split(rule, "."), 1, 4))
	some file in input.namespaces[rule]
	endswith(folder_of(file), wanted)
}

heard(rule) if rule in input.heard[split(rule, ".")[2]]

folder_of(file) := concat("/", array.slice(parts, 0, count(parts) - 1)) if {
	parts := split(file, "/")
}
