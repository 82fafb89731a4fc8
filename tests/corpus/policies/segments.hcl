path "secret/data/+/+/teamb" { capabilities = ["read"] }
path "secret/data/+/prod/*" { capabilities = ["deny"] }
path "secret/data/eu/+/*" { capabilities = ["read", "list"] }
path "+/creds/readonly" { capabilities = ["read"] }
path "+" { capabilities = ["list"] }
