path "secret/data/app" {
  capabilities = ["read"]
  max_wrapping_ttl = "ninety seconds"
}
