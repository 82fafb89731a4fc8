# METADATA
# title: Protected repositories
# description: No plan takes a protection from a repository, or asks for fewer approvals than it did or than is allowed.
# custom:
#   severity: critical
#   remedy: keep the protection; whoever retires a repository takes it out of the state by hand, after review
#   reference: SLSA v1.2 source track; thresholds approvals_min
package portcullis.plan.repository_protection

import data.portcullis.thresholds
import data.portcullis.violation

protecting := {"github:index/branchProtection:BranchProtection", "github:index/repositoryRuleset:RepositoryRuleset"}

deny contains violation.of(rego.metadata.chain(), step, step.type, "a repository loses a protection") if {
	some step in input.steps
	step.type in protecting
	step.op in {"delete", "replace", "delete-replaced"}
}

deny contains violation.of(rego.metadata.chain(), step, "requiredPullRequestReviews", message) if {
	some step in input.steps
	step.type == "github:index/branchProtection:BranchProtection"
	step.op in {"create", "update", "create-replacement"}
	not protected(step)
	message := sprintf("asks for %d approvals, where it asked for %d and %v are the fewest", [
		approvals(step.new),
		approvals(step.old),
		fewest,
	])
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
