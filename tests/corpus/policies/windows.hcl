path "secret/data/win" {
  capabilities = ["read"]
}
path "secret/data/crlf/*" { capabilities = ["list"] }
