// Owns: how a destination looks in an answer (reference: read/write response). Pure.
// Invariants: what the caller sent comes back byte for byte (Terraform compares it); what is unset is left out (an echoed
// default of `cloud` would make Terraform replace the destination on every run); secrets are `*****`.

import type { Credential, DestinationPolicy, DestinationRecord, NetworkRules } from "@keyferry/contracts";

const MASK = "*****";

type Part = Readonly<Record<string, unknown>>;

/** The `data` of a read or write of a destination. */
export function destinationAnswer(record: DestinationRecord): Part {
  const { name, type, connection, spec, policy, source, state, updatedAt } = record;
  return {
    name,
    type,
    connection_details: {
      key_vault_uri: connection.keyVaultUri,
      tenant_id: connection.tenantId,
      client_id: connection.clientId,
      ...credentialAnswer(connection.credential),
      ...(connection.cloud === undefined ? {} : { cloud: connection.cloud }),
      // Terraform looks for these in both places; a place of its own choosing would be as good (reference: [U]).
      ...networkAnswer(connection.network),
    },
    options: {
      // The request's field is `granularity`, the answer's is this (reference).
      granularity_level: spec.granularity,
      secret_name_template: spec.nameTemplate,
      custom_tags: spec.customTags,
      ...policyAnswer(policy),
      ...(source?.role === undefined ? {} : { source_role: source.role }),
      ...(source?.allowed === undefined ? {} : { allowed_sources: source.allowed }),
    },
    // Nothing but the purge itself changes a record that is being purged, so its last change is the purge's beginning.
    ...(state === "deleting" ? { purge_initiated_at: updatedAt } : {}),
  };
}

function credentialAnswer(credential: Credential): Part {
  switch (credential.kind) {
    case "client-secret":
      return { client_secret: MASK };
    case "certificate":
      return { credential: credential.kind, client_certificate: MASK };
    case "workload-identity":
      // Terraform reads the life as a number; the audience is masked by Vault, and its UI asks only whether it is there.
      return {
        credential: credential.kind,
        ...(credential.audience === undefined ? {} : { identity_token_audience: MASK }),
        ...(credential.wantedTtlS === undefined ? {} : { identity_token_ttl: credential.wantedTtlS }),
      };
    case "managed-identity":
      return { credential: credential.kind };
    case "environment":
      // Vault's answer where no client_secret was given has nothing, either.
      return {};
    default:
      return credential satisfies never;
  }
}

function networkAnswer(rules: NetworkRules | undefined): Part {
  return sent({
    disable_strict_networking: rules?.disableStrictNetworking,
    allowed_ipv4_addresses: rules?.allowedIpv4Addresses,
    allowed_ipv6_addresses: rules?.allowedIpv6Addresses,
    allowed_ports: rules?.allowedPorts,
  });
}

function policyAnswer(policy: DestinationPolicy | undefined): Part {
  return sent({
    ownership: policy?.ownership,
    on_delete: policy?.onDelete,
    purge_deleted: policy?.purgeDeleted,
    vault_tag: policy?.vaultTag,
    hand_edits: policy?.handEdits,
    version_per_version: policy?.versionPerVersion,
    rate_group: policy?.rateGroup,
    delete_guard_minimum: policy?.deleteGuard?.minimum,
    delete_guard_hourly_percent: policy?.deleteGuard?.hourlyPercent,
    delete_guard_daily_percent: policy?.deleteGuard?.dailyPercent,
  });
}

/** Without what was never sent. */
function sent(fields: Part): Part {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
