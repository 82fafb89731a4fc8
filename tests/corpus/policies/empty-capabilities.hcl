path "secret/*" { capabilities = ["read"] }
path "secret/nothing" { capabilities = [] }
path "secret/also-nothing" {}
