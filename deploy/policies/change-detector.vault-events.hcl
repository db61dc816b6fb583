# What the change-detector needs: metadata only. It cannot read a single value.
path "my-kv/metadata/*" {
  capabilities = ["read", "list", "subscribe"]
  subscribe_event_types = ["kv-v2/*"]
}
path "my-kv/metadata/" {
  capabilities = ["list"]
}
path "my-kv/*" {
  capabilities = ["subscribe"]
  subscribe_event_types = ["kv-v2/*"]
}

# Tells whether a mount is still the one that it was.
path "sys/mounts" {
  capabilities = ["read"]
}

# The event stream of Vault Enterprise.
path "sys/events/subscribe/kv-v2/*" {
  capabilities = ["read"]
}
