# METADATA
# title: Approval
# description: |
#   What widens access is approved on the pull request's head commit by a member of the owning team; also by security in
#   production, by a wildcard, without an owner, and of what is new, which names its owner itself; for break-glass, and for
#   the code that gives it what it has, by several of security. `input.diff` is what `portcullis access diff --json` says,
#   `input.pull` the pull request's `base`, `head` and `author`, the `writers` of its commits, and in `strangers` what has a
#   writer whom GitHub does not know; `input.reviews` are in GitHub's order, `input.teams` are the members by team. One
#   person in two teams speaks for both; who wrote what is proposed speaks for none.
# custom:
#   severity: critical
#   remedy: Have who is named as missing approve the head commit; a later push needs it again.
#   reference: GitHub documentation, "About pull request reviews"
package portcullis.approval

import data.portcullis.thresholds

default allow := false

allow if {
	known
	count(missing) == 0
}

default known := false

known if {
	is_array(input.diff.changes)
	every change in input.diff.changes { told(change) }
	every name in [input.pull.base, input.pull.head, input.pull.author] { named(name) }
	is_array(input.pull.writers)
	every name in input.pull.writers { named(name) }
	is_array(input.pull.strangers)
	is_array(input.reviews)
	every review in input.reviews { named(review.author) }
	is_object(input.teams)
	named(thresholds.approval_security_team)
	is_array(thresholds.approval_break_glass.identities)
	is_array(thresholds.approval_break_glass.code)
	thresholds.approval_break_glass.people > 1
}

told(change) if {
	every flag in [change.widens, change.follows, change.production, change.new] { is_boolean(flag) }
	every text in [change.subject, change.what] { named(text) }
	every text in [change.owner, change.before] { is_string(text) }
	is_array(change.files)
}

named(text) if {
	is_string(text)
	text != ""
}

default current := false

current if {
	input.diff.base == input.pull.base
	input.diff.head == input.pull.head
}

# What the product's own identities gain follows from other lines, which are approved themselves.
widening contains change if {
	some change in input.diff.changes
	change.widens
	not change.follows
}

# Whose secret it is.
demands[change.owner][1] contains subject(change) if {
	some change in widening
	change.owner != ""
}

# A new owner does not approve himself: whose it was does.
demands[change.before][1] contains subject(change) if {
	some change in widening
	passes_on(change)
}

demands[thresholds.approval_security_team][1] contains subject(change) if {
	some change in widening
	guarded(change)
}

demands[thresholds.approval_security_team][thresholds.approval_break_glass.people] contains subject(change) if {
	some change in input.diff.changes
	change.widens
	breaks_glass(change)
}

# Whatever it follows from.
breaks_glass(change) if {
	some identity in thresholds.approval_break_glass.identities
	identity in split(change.subject, " ")
}

# No declaration gives it anything, its code does, from whichever folder the product stands in.
breaks_glass(change) if {
	some file in change.files
	some pattern in thresholds.approval_break_glass.code
	glob.match(sprintf("*/%s", [pattern]), null, sprintf("/%s", [file]))
}

passes_on(change) if {
	change.witness == null
	change.what == "owner"
	change.before != ""
}

guarded(change) if change.production

# Whoever declares it names the owner.
guarded(change) if change.new

guarded(change) if contains(change.what, "*")

guarded(change) if regex.match(`(^|/)\+(/| |$)`, change.what)

guarded(change) if {
	change.owner == ""
	not passes_on(change)
}

subject(change) := sprintf("%s: %s", [change.subject, change.what])

# The last word of each reviewer; a comment is none.
word[person] := said[count(said) - 1] if {
	some person in reviewers
	said := [review |
		some review in input.reviews
		lower(review.author) == person
		review.state in {"APPROVED", "CHANGES_REQUESTED", "DISMISSED"}
	]
	count(said) > 0
}

reviewers contains lower(review.author) if some review in input.reviews

approving contains person if {
	some person, review in word
	review.state == "APPROVED"
	review.commit_id == input.pull.head
	not person in wrote
}

# Of what is proposed: who opened it, and whoever wrote a commit of it.
wrote contains lower(input.pull.author)

wrote contains lower(login) if some login in input.pull.writers

members[team] contains lower(login) if {
	some team, logins in input.teams
	some login in logins
}

missing contains "a whole question: diff, pull request, reviews, teams and thresholds" if not known

missing contains sprintf("a diff from %v to %v, which is what the pull request asks for", [base, head]) if {
	not current
	base := object.get(input, ["pull", "base"], "unknown")
	head := object.get(input, ["pull", "head"], "unknown")
}

missing contains sprintf("%s: GitHub knows no such team", [team]) if {
	some team, _ in demands
	not input.teams[team]
}

missing contains sprintf("%s: %d of %d approvals of %s, for %d changes: %s", told_of) if {
	some team, by_people in demands
	people := max(object.keys(by_people))
	given := object.get(members, team, set()) & approving
	count(given) < people
	changes := union({subjects | some subjects in by_people})
	told_of := [team, count(given), people, substring(input.pull.head, 0, 12), count(changes), some_of(changes)]
}

# Who wrote that may be who approves it.
missing contains sprintf("%v: GitHub knows no login of who wrote or committed it; link the e-mail in it", [stranger]) if {
	some stranger in input.pull.strangers
	count(demands) > 0
}

# Whose word is asked for can also hold it back, on whichever commit it was said.
missing contains sprintf("%s asks for changes", [person]) if {
	some person, review in word
	review.state == "CHANGES_REQUESTED"
	some team, _ in demands
	person in members[team]
}

some_of(changes) := concat("; ", array.slice(sort(changes), 0, 5))
