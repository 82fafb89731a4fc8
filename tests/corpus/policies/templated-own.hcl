path "secret/data/{{identity.entity.name}}/*" {
  capabilities = ["create", "update", "patch", "read", "delete"]
}
path "secret/metadata/{{identity.entity.name}}/*" {
  capabilities = ["list"]
}
path "secret/data/groups/{{identity.groups.names.engineering.id}}/*" {
  capabilities = ["read"]
}
path "secret/data/by-role/{{identity.entity.aliases.auth_approle_1a2b.metadata.role_name}}" {
  capabilities = ["read"]
}
path "secret/data/common" { capabilities = ["read"] }
