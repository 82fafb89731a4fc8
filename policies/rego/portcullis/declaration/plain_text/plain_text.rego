# METADATA
# title: Plain text
# description: |
#   What a person reads is what is meant: no invisible or direction-changing character, and no word that mixes alphabets so
#   that it looks like another.
# custom:
#   severity: high
#   remedy: write it in one alphabet, without invisible characters
#   reference: Unicode UTS 39 (security mechanisms), UTR 36; CVE-2021-42574 (Trojan Source)
package portcullis.declaration.plain_text

import data.portcullis.violation

deny contains violation.of(rego.metadata.chain(), item, field, sprintf("%q is not plain text", [text])) if {
	some kind in {"secrets", "workloads", "ci_roles", "repositories"}
	some item in input[kind]
	some [field, text] in texts(item)
	not plain(text)
}

texts(item) := [[field, text] |
	some [field, path] in [
		["spec.description", ["description"]],
		["spec.owner", ["owner"]],
		["spec.boundClaims", ["bound_claims"]],
		["spec.repository", ["repository"]],
		["spec.defaultBranch", ["default_branch"]],
		["spec.mergers", ["mergers"]],
		["spec.deployKeys", ["deploy_keys"]],
	]
	value := object.get(item, path, null)
	value != null
	walk(value, [_, text])
	is_string(text)
]

plain(text) if {
	not regex.match(`[\p{Cc}\p{Cf}\p{Co}\p{Zl}\p{Zp}]`, text)
	not regex.match(`[\p{Latin}][^\p{Latin}\s]*[\p{Cyrillic}\p{Greek}\p{Armenian}\p{Cherokee}]`, text)
	not regex.match(`[\p{Cyrillic}\p{Greek}\p{Armenian}\p{Cherokee}][^\p{Latin}\s]*[\p{Latin}]`, text)
}
