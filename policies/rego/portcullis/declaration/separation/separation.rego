# METADATA
# title: Separation of duties
# description: |
#   Secrets that check each other are held by different identities, CI roles included. A repository holds what its Actions
#   secrets are copies of, and what its CI roles read: its workflows have both. Each that is to be kept apart is declared
#   under the name that separated_secrets has for it: under another name nothing would be.
# custom:
#   severity: critical
#   remedy: give one of the two to another holder; list the new name of a secret beside the old one before it is renamed
#   reference: NIST SP 800-53 r5, AC-5 (separation of duties); thresholds separated_secrets
package portcullis.declaration.separation

import data.portcullis.thresholds
import data.portcullis.violation

deny contains violation.of(rego.metadata.chain(), holder, "spec", message) if {
	some [holder, held] in holding
	some pair in thresholds.separated_secrets
	every member in pair { count(names(member) & held) > 0 }
	message := sprintf("holds %s together", [concat(" and ", [called(member) | some member in pair])])
}

deny contains violation.of(rego.metadata.chain(), list, "separated_secrets", message) if {
	some pair in thresholds.separated_secrets
	some member in pair
	count(names(member) & declared) == 0
	message := sprintf("no secret is called %s: nothing is kept apart from it", [called(member)])
}

deny contains violation.of(rego.metadata.chain(), {}, "", "the list of separated secrets is missing") if {
	not listed
}

listed if is_array(thresholds.separated_secrets)

list := {"name": "thresholds", "source": {"file": "policies/rego/portcullis/thresholds/data.yaml", "line": 0}}

declared contains secret.name if some secret in input.secrets

default names(_) := set()

names(member) := {member} if is_string(member)

names(member) := {name | some name in member} if is_array(member)

called(member) := concat(" or ", names(member))

holding contains [identity, {rule.secret | some rule in identity.rules}] if some identity in input.identities

holding contains [repository, (copied | read)] if {
	some repository in input.repositories
	copied := {copy.secret | some copy in repository.actions_secrets}
	read := {name | some role in input.ci_roles; role.repository == repository.name; some name in role.secrets}
}
