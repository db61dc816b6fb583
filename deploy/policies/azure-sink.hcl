# What the azure-sink needs: the values of what it syncs.
path "my-kv/data/*" {
  capabilities = ["read"]
}
path "my-kv/metadata/*" {
  capabilities = ["read"]
}

# Keyferry's own mount: credentials of destinations, and the keys of owner tags.
path "keyferry/data/*" {
  capabilities = ["read"]
}
