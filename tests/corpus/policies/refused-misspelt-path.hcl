paths "secret/data/app" {
  capabilities = ["read"]
}
