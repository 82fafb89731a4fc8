name = "dev"

path "secret/data/dev/*" {
  capabilities = ["read"]
}
