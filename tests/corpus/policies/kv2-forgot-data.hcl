# "permission denied on kv get although I gave it everything": KV v2 wants secret/data/...
path "secret/myapp/*" {
  capabilities = ["create", "read", "update", "delete", "list"]
}
