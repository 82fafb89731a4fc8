/* Owner: payments
   path "secret/*" { capabilities = ["sudo"] }
*/
// path "never" { capabilities = ["read"] }
path /* which */ "secret/data/pay" { # all of it
  # capabilities = ["deny"]
  capabilities = [
    "read",   // for the app
    # "delete",
    "list"    /* for the console */
  ]
}
