path "secret/data/app" {
  capabilities = ["read"]

path "secret/data/other" {
  capabilities = ["read"]
}
