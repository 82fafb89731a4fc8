path "secret/data/doc" {
  capabilities = ["read"]
  comment = <<EOT
For the documentation job. { braces } and "quotes" and # hashes are text here.
EOT
}
path "secret/data/next" { capabilities = ["list"] }
