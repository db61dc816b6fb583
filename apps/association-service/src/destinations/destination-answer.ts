// Owns: how a destination looks in an answer (reference: read/write response). Pure.
// Invariants: what the caller sent comes back byte for byte (Terraform compares it); what is unset is left out (an echoed
// default of `cloud` would make Terraform replace the destination on every run); secrets are `*****`.

import type { DestinationRecord } from "@keyferry/contracts";

const MASK = "*****";

/** The `data` of a read or write of a destination. */
export function destinationAnswer(record: DestinationRecord): Readonly<Record<string, unknown>> {
  const { name, type, connection, spec, state, updatedAt } = record;
  return {
    name,
    type,
    connection_details: {
      key_vault_uri: connection.keyVaultUri,
      tenant_id: connection.tenantId,
      client_id: connection.clientId,
      ...(connection.credential.kind === "client-secret" ? { client_secret: MASK } : {}),
      ...(connection.cloud === undefined ? {} : { cloud: connection.cloud }),
    },
    options: {
      // The request's field is `granularity`, the answer's is this (reference).
      granularity_level: spec.granularity,
      secret_name_template: spec.nameTemplate,
      custom_tags: spec.customTags,
    },
    // Nothing but the purge itself changes a record that is being purged, so its last change is the purge's beginning.
    ...(state === "deleting" ? { purge_initiated_at: updatedAt } : {}),
  };
}
