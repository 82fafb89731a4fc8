path "secret/data/x" { capabilities = ["read"] }
path "secret/data/x" { capabilities = ["list"] }
path "secret/data/y" {
  capabilities = ["create"]
  capabilities = ["update"]
  policy = "write"
  policy = "read"
}
path "/secret/data/x" { capabilities = ["patch"] }
