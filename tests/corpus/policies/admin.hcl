# Manage auth methods broadly across OpenBao
path "auth/*"
{
  capabilities = ["create", "read", "update", "delete", "list", "sudo"]
}

# Create, update, and delete auth methods
path "sys/auth/*"
{
  capabilities = ["create", "update", "delete", "sudo"]
}

# List auth methods
path "sys/auth"
{
  capabilities = ["read"]
}

# Create and manage ACL policies
path "sys/policies/acl/*"
{
  capabilities = ["create", "read", "update", "delete", "list", "sudo"]
}
path "sys/policies/acl"
{
  capabilities = ["list"]
}

path "secret/*"
{
  capabilities = ["create", "read", "update", "delete", "list", "sudo"]
}

path "sys/mounts*"
{
  capabilities = ["create", "read", "update", "delete", "list", "sudo"]
}

path "sys/health"
{
  capabilities = ["read", "sudo"]
}
