path "secret/data/app" {
  capabilities = ["read", "write"]
}
