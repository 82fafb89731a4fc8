path "auth/approle/login" {
  capabilities = ["update"]
  required_parameters = ["role_id", "secret_id"]
  allowed_parameters {
    role_id   = []
    secret_id = []
  }
}
