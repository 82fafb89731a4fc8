path "secret/restricted" {
  capabilities = ["create", "update"]
  allowed_parameters = {
    "foo" = []
    "bar" = ["zip", "zap*"]
    "*"   = []
  }
  denied_parameters = {
    "password" = []
    "level"    = ["root", "admin"]
  }
  required_parameters = ["bar"]
}
