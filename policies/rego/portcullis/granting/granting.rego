# METADATA
# title: Granting
# description: |
#   The declaration that a rule of an identity's policy comes from: its name, source and the field that says the path. Many
#   rules come from one, so it is told once, under `granted`, by the secret that the rule names.
package portcullis.granting

by(rule) := input.granted[rule.secret]

# Of a rule that no secret's declaration granted, what it says of itself.
by(rule) := rule if not told(rule)

told(rule) if input.granted[rule.secret]

# Whoever cannot tell the field must not vanish.
default field(_) := ""

field(rule) := by(rule).field
