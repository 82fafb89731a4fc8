path "auth/approle/role/my-role/secret-id" {
    capabilities = ["create", "update"]
    min_wrapping_ttl = "1s"
    max_wrapping_ttl = "90s"
}
path "auth/approle/role/other/secret-id" {
    capabilities = ["update"]
    min_wrapping_ttl = 60
    max_wrapping_ttl = "2h"
}
