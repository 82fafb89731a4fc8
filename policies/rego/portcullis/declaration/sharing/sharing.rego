# METADATA
# title: Sharing
# description: |
#   A production credential has one holder, so that a leak has one source and one victim. Of a static secret all holders have
#   the same value; of a database role each lease is a credential of its own, and only one of the critical tier has one holder.
#   Of the critical tier a repository with a copy of it, or with a CI role that reads it, is a holder too; of a lower one
#   workloads alone are, so that whoever deploys may use what a workload uses.
# custom:
#   severity: critical
#   remedy: declare a secret of its own for each workload, and for each repository
#   reference: NIST SP 800-53 r5, IA-2 and AC-6 (individual identification, least privilege)
package portcullis.declaration.sharing

import data.portcullis.violation

deny contains violation.of(rego.metadata.chain(), secret, "spec.grants", message) if {
	some secret in input.secrets
	not unshared(secret)
	message := "a production credential is not known to have one holder"
}

unshared(secret) if secret.environment == "staging"

unshared(secret) if {
	secret.kind == "database"
	secret.tier in {"high", "standard"}
}

unshared(secret) if {
	is_array(secret.grants)
	every grant in secret.grants { is_string(grant.workload) }
	count({grant.workload | some grant in secret.grants} | deploying(secret)) <= 1
}

deploying(secret) := set() if secret.tier in {"high", "standard"}

deploying(secret) := repositories if {
	not secret.tier in {"high", "standard"}
	copied := {["repository", repository.name] |
		some repository in input.repositories
		some copy in repository.actions_secrets
		copy.secret == secret.name
	}
	repositories := copied | {["repository", role.repository] | some role in input.ci_roles; secret.name in role.secrets}
}
