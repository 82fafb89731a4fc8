# METADATA
# title: Violation
# description: The one shape in which a declaration rule says where it was broken and what to do about it.
package portcullis.violation

of(rule, item, message, remedy) := {
	"rule": rule,
	"name": object.get(item, "name", "(unnamed)"),
	"file": object.get(item, ["source", "file"], "(unknown)"),
	"line": object.get(item, ["source", "line"], 0),
	"message": message,
	"remedy": remedy,
}
