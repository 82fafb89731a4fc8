path "secret/data/${var.app}/*" {
  capabilities = var.capabilities
}
