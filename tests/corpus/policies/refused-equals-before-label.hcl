path "pki_int/issue/example-dot-com" { capabilities = ["create","update",] },
path "pki_int/sign/*" { capabilities = ["update"], min_wrapping_ttl = "10s" },
path = "pki_int/cert/ca" { capabilities = ["read"] }
