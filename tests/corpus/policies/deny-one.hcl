path "kv/*" {
    capabilities = ["read", "list"]
}
path "kv/payroll" {
    capabilities = ["deny"]
}
path "kv/payroll/*" {
    capabilities = ["deny", "read"]   # deny is all there is
}
