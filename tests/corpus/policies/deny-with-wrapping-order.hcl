# The server looks no further than deny.
path "a" {
  capabilities = ["deny"]
  min_wrapping_ttl = "5m"
  max_wrapping_ttl = "90s"
}
