# METADATA
# title: Protected repositories
# description: |
#   No plan takes a protection from a repository or moves it to other branches, makes a repository without one, lets anybody
#   past one, or asks for fewer approvals than it did or than is allowed.
# custom:
#   severity: critical
#   remedy: keep the protection; whoever retires a repository takes it out of the state by hand, after review
#   reference: SLSA v1.2 source track; thresholds approvals_min
package portcullis.plan.repository_protection

import data.portcullis.thresholds
import data.portcullis.violation

protecting := {"github:index/branchProtection:BranchProtection", "github:index/repositoryRuleset:RepositoryRuleset"}

writing := {"create", "update", "replace", "create-replacement", "import"}

deny contains violation.of(rego.metadata.chain(), step, step.type, "a repository loses a protection") if {
	some step in input.steps
	step.type in protecting
	step.op in {"delete", "replace", "delete-replaced"}
}

deny contains violation.of(rego.metadata.chain(), step, "pattern", message) if {
	some step in input.steps
	step.type in protecting
	step.op in writing
	step.old.pattern != object.get(step.new, "pattern", "none")
	message := sprintf("what protected %v would protect other branches", [step.old.pattern])
}

deny contains violation.of(rego.metadata.chain(), step, step.type, "a repository begins without a protection") if {
	some step in input.steps
	step.type == "github:index/repository:Repository"
	step.op in (writing - {"update"})
	not object.get(step.new, "name", step.name) in guarded
}

deny contains violation.of(rego.metadata.chain(), step, what, "somebody would be let past the protection") if {
	some step in input.steps
	step.type in protecting
	step.op in writing
	some what in let_past(step.new)
}

deny contains violation.of(rego.metadata.chain(), step, "requiredPullRequestReviews", message) if {
	some step in input.steps
	step.type == "github:index/branchProtection:BranchProtection"
	step.op in writing
	not protected(step)
	message := sprintf("asks for %d approvals, where it asked for %d and %v are the fewest", [
		approvals(step.new),
		approvals(step.old),
		fewest,
	])
}

guarded contains step.new.repositoryId if {
	some step in input.steps
	step.type == "github:index/branchProtection:BranchProtection"
	step.op in writing
}

let_past(inputs) := {key |
	some key in ["allowsDeletions", "allowsForcePushes"]
	not object.get(inputs, key, false) == false
} | {key |
	some key, who in object.union(inputs, object.get(inputs, ["requiredPullRequestReviews", 0], {}))
	key in {"bypassActors", "forcePushBypassers", "pullRequestBypassers"}
	not who == []
}

default fewest := "(not told)"

fewest := thresholds.approvals_min.ordinary

# A branch that nobody may push to needs no reviews.
protected(step) if step.new.lockBranch == true

protected(step) if {
	approvals(step.new) >= approvals(step.old)
	approvals(step.new) >= thresholds.approvals_min.ordinary
}

# Branches of the control repository to which named people push during an incident, for review into the default branch.
protected(step) if {
	step.new.pattern in thresholds.pushed_branches
	count(step.new.restrictPushes[0].pushAllowances) > 0
	approvals(step.old) == 0
}

default approvals(_) := 0

approvals(inputs) := inputs.requiredPullRequestReviews[0].requiredApprovingReviewCount
