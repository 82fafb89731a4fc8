# METADATA
# title: Violation
# description: |
#   The one shape in which a rule says what broke it, and the rule's own METADATA what to do about it. `chain` is the rule's
#   `rego.metadata.chain()`. `field` is the path in the declaration, `spec.grants[0].workload`; whoever asked knows its line;
#   `line` is that of the declaration's name.
package portcullis.violation

of(chain, item, field, message) := {
	"rule": rule(chain),
	"severity": custom(chain, "severity", "critical"),
	"name": said(item, "name"),
	"file": place(item).file,
	"line": place(item).line,
	"field": field,
	"message": message,
	"remedy": custom(chain, "remedy", "(none is written down)"),
}

# Of what is no object too: it must not vanish.
default place(_) := {"file": "(unknown)", "line": 0}

place(item) := {"file": item.source.file, "line": item.source.line}

# What an item says at a path: a message that reads it bare would be undefined where it is missing, and the denial with it.
default said(_, _) := "unknown"

said(item, path) := object.get(item, path, "unknown")

# A rule is called by its folder, the last part of its package.
rule(chain) := chain[0].path[count(chain[0].path) - 2]

custom(chain, key, otherwise) := object.get(object.union_n(said_of), key, otherwise) if {
	said_of := [object.get(part, ["annotations", "custom"], {}) | some part in chain]
}
