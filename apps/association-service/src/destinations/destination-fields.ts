// Owns: which fields a write of an azure-kv destination may have, and how they are read. Pure. Does not own what they
// make of a stored record: compose-destination.ts.

import { z } from "zod";
import {
  describeIssues,
  durationField,
  flagField,
  numberField,
  textField,
  textListField,
  textMapField,
} from "../gateway/coerce.ts";

/** Vault's own fields. */
const vaultFields = {
  key_vault_uri: textField.nullish(),
  tenant_id: textField.nullish(),
  client_id: textField.nullish(),
  client_secret: textField.nullish(),
  cloud: textField.nullish(),
  granularity: textField.nullish(),
  secret_name_template: textField.nullish(),
  custom_tags: textMapField.nullish(),
  tags_to_remove: textListField.nullish(),
  disable_strict_networking: flagField.nullish(),
  allowed_ipv4_addresses: textListField.nullish(),
  allowed_ipv6_addresses: textListField.nullish(),
  allowed_ports: textListField.nullish(),
  identity_token_audience: textField.nullish(),
  identity_token_ttl: durationField.nullish(),
  identity_token_key: textField.nullish(),
} as const;

/** Keyferry's, which Vault's clients don't know. */
const ownFields = {
  credential: textField.nullish().describe("How the sink logs in at Azure. An addition to Vault's fields."),
  client_certificate: textField
    .nullish()
    .describe("Certificate and private key, PEM, in place of client_secret."),
  ownership: textField.nullish().describe("refuse, adopt or overwrite: what becomes of a foreign secret."),
  on_delete: textField.nullish().describe("delete, disable or retain."),
  purge_deleted: flagField
    .nullish()
    .describe("true: what an unsync has deleted is purged too, where Key Vault and the role allow it."),
  vault_tag: flagField.nullish().describe("true: Vault's own tag, hashicorp:vault, is written too."),
  hand_edits: textField.nullish().describe("report or repair."),
  version_per_version: flagField
    .nullish()
    .describe("off: a new version with the same data costs a patch, not a Key Vault version."),
  rate_group: textField.nullish().describe("Vaults of one subscription and region share Azure's limits."),
  delete_guard_minimum: numberField.nullish(),
  delete_guard_hourly_percent: numberField.nullish(),
  delete_guard_daily_percent: numberField.nullish(),
  source_role: textField.nullish().describe("The role that the destination's values are read with."),
  allowed_sources: textListField
    .nullish()
    .describe("mount/path: nothing outside of these can be associated."),
  skip_connection_check: flagField.nullish().describe("Stored nowhere: this write alone is not checked."),
} as const;

/** As clients send them: PUT, POST and PATCH have the same. */
export const destinationFieldsSchema = z.object({ ...vaultFields, ...ownFields });

/** A write's fields. Absent and null differ: null takes a value away in a PATCH (RFC 7396). */
export type DestinationFields = z.output<typeof destinationFieldsSchema>;

export type FieldsRead =
  | { readonly kind: "ok"; readonly fields: DestinationFields; readonly ignored: readonly string[] }
  | { readonly kind: "refused"; readonly errors: readonly string[] };

// They act on DELETE only; Vault's framework shares one schema (reference), so clients may send them anywhere.
const WITHOUT_EFFECT: ReadonlySet<string> = new Set(["purge", "force_delete", "name", "type"]);

/** Reads the fields of PUT, POST or PATCH; every wrong one is named. */
export function readDestinationFields(body: Readonly<Record<string, unknown>>): FieldsRead {
  const ignored = Object.keys(body).filter(
    (name) => !Object.hasOwn(destinationFieldsSchema.shape, name) && !WITHOUT_EFFECT.has(name),
  );
  const parsed = destinationFieldsSchema.safeParse(body);
  if (!parsed.success) return { kind: "refused", errors: describeIssues(parsed.error) };
  return { kind: "ok", fields: parsed.data, ignored };
}
