# What the change-detector needs: metadata only. It cannot read a single value.
# Repeat the three rules for each KVv2 mount; my-kv stands for yours.
path "my-kv/metadata/*" {
  capabilities = ["read", "list"]
}
path "my-kv/metadata/" {
  capabilities = ["list"]
}
# OpenBao only: a page of a sweep in one call. Vault ignores it.
path "my-kv/detailed-metadata/*" {
  capabilities = ["list"]
}
path "my-kv/detailed-metadata/" {
  capabilities = ["list"]
}
path "sys/mounts" {
  capabilities = ["read"]
}
