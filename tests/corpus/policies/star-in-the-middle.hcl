# A star counts at the end only.
path "secret/*/prod" { capabilities = ["read"] }
path "secret/data/te*m/*" { capabilities = ["read"] }
path "secret/data/**" { capabilities = ["list"] }
