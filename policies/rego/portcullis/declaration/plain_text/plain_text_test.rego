package portcullis.declaration.plain_text_test

import data.portcullis.declaration.plain_text

saying(text) := {"secrets": [{"name": "n", "description": text}]}

test_plain if {
	every text in ["Reads the ledger.", "Μόνο ελληνικά", "Só leitura", "ключ exchange", "a/b|c <b>`x`</b>"] {
		count(plain_text.deny) == 0 with input as saying(text)
	}
}

test_deceiving if {
	every text in ["p\u0430ypal", "\u0430pple", "abc\u202edef", "zero\u200bwidth", "bell\u0007", "line\u2028", "p\u043exy"] {
		count(plain_text.deny) == 1 with input as saying(text)
	}
}

test_inside_of_lists if {
	count(plain_text.deny) == 1 with input as {"repositories": [{"name": "n", "mergers": ["lead", "le\u0430d"]}]}
	count(plain_text.deny) == 1 with input as {"workloads": [{"name": "n", "bound_claims": [["sub", "\u202ex"]]}]}
}
