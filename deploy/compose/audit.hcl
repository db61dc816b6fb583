# The audit log, which the change-detector follows for hints. Values in it are hashed; names of fields are not, so it
# is for the two of them only. Its mode lets the detector, another user in another container, read it.
audit "file" "keyferry" {
  options {
    file_path            = "/openbao/logs/audit.log"
    mode                 = "0644"
    hmac_accessor        = "false"
    elide_list_responses = "true"
  }
}
