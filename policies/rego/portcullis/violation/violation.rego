# METADATA
# title: Violation
# description: |
#   The one shape in which a declaration rule says where it was broken and what to do about it. `field` is its path in the
#   declaration, `spec.grants[0].workload`; whoever asked knows its line. `line` is that of the declaration's name.
package portcullis.violation

of(rule, item, field, message, remedy) := {
	"rule": rule,
	"name": object.get(item, "name", "(unnamed)"),
	"file": object.get(item, ["source", "file"], "(unknown)"),
	"line": object.get(item, ["source", "line"], 0),
	"field": field,
	"message": message,
	"remedy": remedy,
}

# What an item says at a path: a message that reads it bare would be undefined where it is missing, and the denial with it.
said(item, path) := object.get(item, path, "unknown")
