# What the association-service needs of its own: its mount, and the list of mounts. What callers may do is decided by
# their own tokens (sys/capabilities-self).
path "sys/mounts" {
  capabilities = ["read"]
}
# Tells whether a secret that is to be associated exists; my-kv stands for your mounts. No value can be read.
path "my-kv/metadata/*" {
  capabilities = ["read"]
}
# Makes Keyferry's own mount at the first start; may be dropped where somebody else makes it.
path "sys/mounts/keyferry" {
  capabilities = ["create", "update", "read"]
}
path "keyferry/*" {
  capabilities = ["create", "read", "update", "delete", "list"]
}
