# What the association-service needs of its own: its mount, and the list of mounts. What callers may do is decided by
# their own tokens (sys/capabilities-self).
path "sys/mounts" {
  capabilities = ["read"]
}
# Makes Keyferry's own mount at the first start; may be dropped where somebody else makes it.
path "sys/mounts/keyferry" {
  capabilities = ["create", "update", "read"]
}
path "keyferry/*" {
  capabilities = ["create", "read", "update", "delete", "list"]
}
