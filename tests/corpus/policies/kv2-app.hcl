path "secret/data/app/*"     { capabilities = ["create", "read", "update", "patch"] }
path "secret/metadata/app/*" { capabilities = ["list", "read"] }
path "secret/delete/app/*"   { capabilities = ["update"] }
path "secret/undelete/app/*" { capabilities = ["update"] }
path "secret/destroy/app/*"  { capabilities = ["update"] }
path "secret/subkeys/app/*"  { capabilities = ["read"] }
