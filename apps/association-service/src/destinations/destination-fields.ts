// Owns: which fields a write of an azure-kv destination may have, and how they are read. Pure. Does not own what they
// make of a stored record: compose-destination.ts.

import { z } from "zod";
import { describeIssues, flagField, textField, textListField, textMapField } from "../gateway/coerce.ts";

/** As clients send them: PUT, POST and PATCH have the same. */
export const destinationFieldsSchema = z.object({
  key_vault_uri: textField.nullish(),
  tenant_id: textField.nullish(),
  client_id: textField.nullish(),
  client_secret: textField.nullish(),
  cloud: textField.nullish(),
  granularity: textField.nullish(),
  secret_name_template: textField.nullish(),
  custom_tags: textMapField.nullish(),
  tags_to_remove: textListField.nullish(),
});

/** A write's fields. Absent and null differ: null takes a value away in a PATCH (RFC 7396). */
export type DestinationFields = z.output<typeof destinationFieldsSchema>;

export type FieldsRead =
  | { readonly kind: "ok"; readonly fields: DestinationFields; readonly ignored: readonly string[] }
  | { readonly kind: "refused"; readonly errors: readonly string[] };

// Vault's options that decide where connections may go or who logs in. To drop one silently would be a lie, so they are
// refused until they are built; their defaults are let pass.
const UNSUPPORTED = {
  disable_strict_networking: flagField,
  allowed_ipv4_addresses: textListField,
  allowed_ipv6_addresses: textListField,
  allowed_ports: textListField,
  identity_token_audience: textField,
  identity_token_key: textField,
  identity_token_ttl: textField,
} as const;

// They act on DELETE only; Vault's framework shares one schema (reference), so clients may send them anywhere.
const WITHOUT_EFFECT: ReadonlySet<string> = new Set(["purge", "force_delete", "name", "type"]);

/** Reads the fields of PUT, POST or PATCH; every wrong one is named. */
export function readDestinationFields(body: Readonly<Record<string, unknown>>): FieldsRead {
  const errors: string[] = [];
  const ignored: string[] = [];
  for (const [name, value] of Object.entries(body)) {
    if (name in destinationFieldsSchema.shape || WITHOUT_EFFECT.has(name)) continue;
    if (isUnsupported(name)) {
      if (!isDefault(name, value)) errors.push(`${name} is not supported by this release: leave it out`);
    } else {
      ignored.push(name);
    }
  }
  const parsed = destinationFieldsSchema.safeParse(body);
  if (!parsed.success) errors.push(...describeIssues(parsed.error));
  if (errors.length > 0 || !parsed.success) return { kind: "refused", errors };
  return { kind: "ok", fields: parsed.data, ignored };
}

function isUnsupported(name: string): name is keyof typeof UNSUPPORTED {
  return Object.hasOwn(UNSUPPORTED, name);
}

function isDefault(name: keyof typeof UNSUPPORTED, value: unknown): boolean {
  if (value === null || value === undefined) return true;
  const parsed = UNSUPPORTED[name].safeParse(value);
  if (!parsed.success) return false;
  const read: unknown = parsed.data;
  if (name === "identity_token_ttl") return read === "0" || read === "";
  return read === false || read === "" || (Array.isArray(read) && read.length === 0);
}
