path "secret/data/${app}/*" {
  capabilities = ["read"]
}
path "auth/token/create" { capabilities = ["update"] }
