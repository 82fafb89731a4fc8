path "secret/metadata/*" {
  capabilities = ["list", "scan"]
  pagination_limit = 100
  required_parameters = ["limit"]
}
path "pki/certs" {
  capabilities = ["list"]
  list_scan_response_keys_filter_path = "pki/cert/{{ .key }}"
}
