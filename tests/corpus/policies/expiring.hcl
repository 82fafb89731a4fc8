path "secret/data/contractor" {
  capabilities = ["read"]
  expiration = "2001-02-03T04:05:06Z"
}
path "secret/data/*" {
  capabilities = ["list"]
  expiration = "2099-12-31T00:00:00Z"
}
