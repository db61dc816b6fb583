// The one catalogue of error codes. A code is stable: users search for it, alerts match on it. A new failure gets a
// row here and in docs/reference/errors.md (a test compares the two).

/** Who has to act: the person who configured or called us, the service on the other side, or Keyferry's developers. */
export type ErrorClass = "client-side" | "external-service" | "internal";

/** `now`: again at once. `later`: again with capped backoff, for ever. `hopeless`: not before something changes. */
export type RetryClass = "now" | "later" | "hopeless";

interface CatalogueEntry {
  readonly class: ErrorClass;
  readonly retry: RetryClass;
  readonly advice: string;
}

export const CATALOGUE = {
  "config-invalid": {
    class: "client-side",
    retry: "hopeless",
    advice:
      "Correct the listed keys in keyferry.yaml; docs/reference/configuration.md describes each of them.",
  },
  "listen-address-taken": {
    class: "client-side",
    retry: "hopeless",
    advice:
      "Stop the process that holds the port, or give this service another listen address in keyferry.yaml.",
  },
  "request-invalid": {
    class: "client-side",
    retry: "hopeless",
    advice: "Correct the fields that the message names and send the request again.",
  },
  "not-found": {
    class: "client-side",
    retry: "hopeless",
    advice: "Check the spelling; list what exists with `bao list sys/sync/destinations`.",
  },
  conflict: {
    class: "client-side",
    retry: "now",
    advice: "Somebody changed the same thing at the same time: read it again and repeat the request.",
  },
  "permission-denied": {
    class: "client-side",
    retry: "hopeless",
    advice: "Grant the caller's token the capability on the path that the message names, then call again.",
  },
  "source-unreachable": {
    class: "external-service",
    retry: "later",
    advice: "Check that the Vault or OpenBao address of `source.address` answers from this host.",
  },
  "source-sealed": {
    class: "external-service",
    retry: "later",
    advice: "Unseal Vault or OpenBao; Keyferry goes on by itself afterwards.",
  },
  "source-denied": {
    class: "client-side",
    retry: "later",
    advice: "Grant this service's token the policy that docs/security.md prints for it.",
  },
  "source-not-allowed": {
    class: "client-side",
    retry: "later",
    advice: "Add the secret's place to the destination's allowed_sources, or remove the association.",
  },
  "source-behind": {
    class: "external-service",
    retry: "later",
    advice: "None: the node that answered was behind the one that was written to; the read is repeated.",
  },
  "source-changed": {
    class: "client-side",
    retry: "later",
    advice:
      "Another cluster or another mount answers at this address. Nothing was changed in Key Vault. Restore the old one, or confirm the new one by removing and setting its associations.",
  },
  "mount-missing": {
    class: "client-side",
    retry: "later",
    advice:
      "The secrets engine is not mounted at this path any more; mount it again or remove the association.",
  },
  "source-answer-unknown": {
    class: "external-service",
    retry: "later",
    advice: "Look at what stands between Keyferry and Vault: the answer was not one that Vault gives.",
  },
  "secret-poisoned": {
    class: "external-service",
    retry: "later",
    advice:
      "Vault cannot find the version's data though its metadata lists it (a cancelled metadata delete). Write the secret anew, or delete its metadata.",
  },
  "bus-unreachable": {
    class: "external-service",
    retry: "later",
    advice: "Check that NATS answers at `nats.servers` and that JetStream is enabled.",
  },
  "bus-not-provisioned": {
    class: "external-service",
    retry: "later",
    advice: "Start the association-service: it alone makes the streams and consumers.",
  },
  "bus-full": {
    class: "external-service",
    retry: "later",
    advice: "A JetStream stream has reached its limit: raise max_bytes or give NATS more disk.",
  },
  "bus-too-old": {
    class: "client-side",
    retry: "hopeless",
    advice: "Upgrade nats-server to 2.12.7 or newer.",
  },
  "message-unreadable": {
    class: "internal",
    retry: "later",
    advice: "A message does not match its schema: upgrade the older service, or look at it in SYNC_DLQ.",
  },
  "state-unreachable": {
    class: "external-service",
    retry: "later",
    advice: "Check that Redis answers at `redis.url`. Nothing is lost: sinks go on when it is back.",
  },
  "state-evicts": {
    class: "client-side",
    retry: "later",
    advice: "Set Redis's maxmemory-policy to noeviction.",
  },
  "state-too-old": {
    class: "client-side",
    retry: "hopeless",
    advice: "Upgrade Redis to 7 or newer (Valkey 7.2 or newer will do).",
  },
  "vault-unreachable": {
    class: "external-service",
    retry: "later",
    advice: "Check DNS, the firewall and the private endpoint of the Key Vault from this host.",
  },
  "address-prohibited": {
    class: "client-side",
    retry: "later",
    advice:
      "The name of the Key Vault or of its authority leads to an address that destinations may not have. If it is a private endpoint, allow it in the destination's allowed_ipv4_addresses or allowed_ipv6_addresses.",
  },
  "vault-error": {
    class: "external-service",
    retry: "later",
    advice: "None: Azure Key Vault failed; the write is repeated with backoff.",
  },
  "vault-throttled": {
    class: "external-service",
    retry: "later",
    advice:
      "None: the vault is paused and its rate lowered. If it lasts, look for other writers to this vault.",
  },
  "vault-denied": {
    class: "client-side",
    retry: "later",
    advice:
      "Give the destination's identity the data actions of docs/security.md on this Key Vault; a new role can take ten minutes.",
  },
  "vault-credential": {
    class: "client-side",
    retry: "later",
    advice:
      "Check tenant_id, client_id and the credential of the destination; what Azure's code means is at https://login.microsoftonline.com/error.",
  },
  "vault-conflict": {
    class: "external-service",
    retry: "later",
    advice:
      "None: the name is being deleted or recovered in Key Vault; it is tried again until that has ended.",
  },
  "vault-rejected": {
    class: "client-side",
    retry: "hopeless",
    advice:
      "Key Vault refused the name or a value's shape; see the message and change the secret or the template.",
  },
  "answer-lost": {
    class: "external-service",
    retry: "later",
    advice: "None: Azure's answer did not arrive; the vault is looked at before anything is written again.",
  },
  drifted: {
    class: "external-service",
    retry: "later",
    advice:
      "None: the secret was changed or removed in Key Vault and is written again. If it recurs, look for who else writes there.",
  },
  "foreign-owner": {
    class: "client-side",
    retry: "hopeless",
    advice:
      "A secret of this name exists in Key Vault that Keyferry does not own. Take it over (`keyferry adopt DESTINATION` shows it first), rename the association's external name, delete and purge the secret there, or let the destination take over all of them (policy `ownership`: adopt or overwrite).",
  },
  "name-taken": {
    class: "client-side",
    retry: "later",
    advice:
      "Two associations come to the same external name (Key Vault ignores case). Change one's secret_name_template, or remove one; the other goes on by itself.",
  },
  "lock-lost": {
    class: "internal",
    retry: "later",
    advice: "None: the write was not sent, and is tried again. If it lasts, look at Redis's latency.",
  },
  "value-unusable": {
    class: "client-side",
    retry: "hopeless",
    advice: "Change the secret so that its data is a JSON object of at most 500 keys.",
  },
  "value-too-large": {
    class: "client-side",
    retry: "hopeless",
    advice: "Key Vault takes 25,600 bytes at most: make the secret smaller or sync single keys.",
  },
  "name-invalid": {
    class: "client-side",
    retry: "hopeless",
    advice: "Change secret_name_template so that it gives 1 to 127 characters of 0-9, A-Z, a-z and '-'.",
  },
  "tags-invalid": {
    class: "client-side",
    retry: "hopeless",
    advice: "Use at most 13 custom tags with names and values of at most 256 characters.",
  },
  "settings-invalid": {
    class: "client-side",
    retry: "hopeless",
    advice:
      "Correct the custom metadata key that the message names with `bao kv metadata put`; docs/concepts.md lists the settings of a secret.",
  },
  "instance-mismatch": {
    class: "client-side",
    retry: "later",
    advice:
      "NATS and the source belong to two Keyferry instances, as after a copy of one of them. Point this one at its own source; or, if the other is gone for good, write its instance id to `instance/id` in Keyferry's own mount.",
  },
  "held-for-approval": {
    class: "client-side",
    retry: "later",
    advice:
      "More deletes than the destination's budget allows: nothing was deleted. Check the source, then approve.",
  },
  paused: {
    class: "client-side",
    retry: "later",
    advice: "None needed: somebody paused writing here. It goes on at once when it is resumed.",
  },
  "operation-aborted": {
    class: "internal",
    retry: "now",
    advice: "None: the service was stopping; the work is taken up again.",
  },
  unexpected: {
    class: "internal",
    retry: "later",
    advice: "Report this with the log lines around it: it is a defect of Keyferry.",
  },
} as const satisfies Record<string, CatalogueEntry>;

export type ErrorCode = keyof typeof CATALOGUE;
