path "secret/data/app" {
  capability = ["read"]
}
