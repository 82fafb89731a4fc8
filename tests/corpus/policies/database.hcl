path "database/creds/readonly"
  { capabilities = [ "read", ] }

path "database/creds/+-admin" { capabilities = ["deny"] }
path "sys/leases/renew" { capabilities = ["update"], }
path "sys/leases/revoke" { capabilities = ["update"] },
path "auth/token/lookup-self" { capabilities = ["read"] }
