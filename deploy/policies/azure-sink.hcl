# What the azure-sink needs: the values of what it syncs, and Keyferry's own mount to read.
# Name the mounts or prefixes that may be synced; do not use a wildcard over all mounts.
path "my-kv/data/*" {
  capabilities = ["read"]
}
path "my-kv/metadata/*" {
  capabilities = ["read"]
}
path "keyferry/data/*" {
  capabilities = ["read"]
}
