path "secret/*" { capabilities = ["read"] }
path "secret/+/b" { capabilities = ["create"] }
path "secret/a/*" { capabilities = ["update"] }
path "secret/a/b" { capabilities = ["delete"] }
path "secret/a/b*" { capabilities = ["patch"] }
path "secret/+/+/c" { capabilities = ["scan"] }
path "secret/+/b/*" { capabilities = ["sudo"] }
