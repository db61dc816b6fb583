# What the change-detector needs: metadata only. It cannot read a single value.
path "my-kv/metadata/*" {
  capabilities = ["read", "list"]
}
path "my-kv/metadata/" {
  capabilities = ["list"]
}
path "my-kv/detailed-metadata/*" {
  capabilities = ["list"]
}
path "my-kv/detailed-metadata/" {
  capabilities = ["list"]
}

# Tells whether a mount is still the one that it was.
path "sys/mounts" {
  capabilities = ["read"]
}
