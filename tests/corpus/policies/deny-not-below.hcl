# Denies the folder's name, and nothing in it.
path "kv/*" { capabilities = ["read"] }
path "kv/admin/" { capabilities = ["deny"] }
