# Tells whether a secret that is to be associated exists. No value can be read.
path "my-kv/metadata/*" {
  capabilities = ["read"]
}

# Which mounts there are.
path "sys/mounts" {
  capabilities = ["read"]
}

# Makes Keyferry's own mount at the first start; may be dropped where somebody else makes it.
path "sys/mounts/keyferry" {
  capabilities = ["create", "update", "read"]
}

# Keyferry's own mount: credentials of destinations, and the keys of owner tags.
path "keyferry/*" {
  capabilities = ["create", "read", "update", "delete", "list"]
}
