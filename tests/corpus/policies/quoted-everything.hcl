"path" "secret/data/ci" {
  "capabilities" = ["read"]
}
"path" "transit/encrypt/ci" {
  "capabilities" = ["update"],
}
