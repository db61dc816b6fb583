// Owns: the shapes of all answers, once: the OpenAPI document is made of them and every answer of the tests is held
// against them. Pure. Strict: a field that is not named here is a defect.

import {
  checkFindingSchema,
  destinationPolicySchema,
  granularitySchema,
  onDeleteSchema,
  ownershipSchema,
} from "@keyferry/contracts";
import { z } from "zod";

const time = z.iso.datetime({ offset: true });
const texts = z.record(z.string(), z.string());
const count = z.int().nonnegative();

/** Vault's envelope around `data` (reference: standard envelope). */
export function enveloped<T extends z.ZodType>(data: T) {
  return z.strictObject({
    request_id: z.uuid(),
    lease_id: z.literal(""),
    renewable: z.literal(false),
    lease_duration: z.literal(0),
    data,
    wrap_info: z.null(),
    warnings: z.array(z.string()).min(1).nullable(),
    auth: z.null(),
    mount_type: z.literal("system"),
  });
}

export const errorsSchema = z
  .strictObject({ errors: z.array(z.string()) })
  .describe("An empty list: there is nothing. Otherwise each sentence names what is wrong.");

export const destinationSchema = z.strictObject({
  name: z.string(),
  type: z.literal("azure-kv"),
  connection_details: z.strictObject({
    key_vault_uri: z.string().describe("Byte for byte as it was sent."),
    tenant_id: z.string(),
    client_id: z.string(),
    client_secret: z.literal("*****").optional().describe("Absent: none is stored."),
    cloud: z.string().optional().describe("Absent: it was never sent."),
    disable_strict_networking: z.literal(true).optional(),
    allowed_ipv4_addresses: z.array(z.string()).min(1).optional(),
    allowed_ipv6_addresses: z.array(z.string()).min(1).optional(),
    allowed_ports: z.array(z.int()).optional(),
    identity_token_audience: z.literal("*****").optional(),
    identity_token_ttl: z.int().positive().optional().describe("Seconds."),
    credential: z
      .enum(["certificate", "workload-identity", "managed-identity"])
      .optional()
      .describe("Absent: client_secret, or the sink's environment. An addition to Vault's fields."),
    client_certificate: z.literal("*****").optional(),
  }),
  options: z.strictObject({
    granularity_level: granularitySchema,
    secret_name_template: z.string().describe("The effective template."),
    custom_tags: texts,
    ownership: ownershipSchema
      .optional()
      .describe("An addition to Vault's fields, as all that follow; absent: never sent."),
    on_delete: onDeleteSchema.optional(),
    purge_deleted: z.boolean().optional(),
    vault_tag: z.boolean().optional(),
    hand_edits: destinationPolicySchema.shape.handEdits,
    version_per_version: z.boolean().optional(),
    rate_group: z.string().optional(),
    delete_guard_minimum: count.optional(),
    delete_guard_hourly_percent: z.number().optional(),
    delete_guard_daily_percent: z.number().optional(),
    source_role: z.string().optional(),
    allowed_sources: z.array(z.string()).min(1).optional(),
  }),
  purge_initiated_at: time.optional().describe("A purge is under way since then."),
});

export const destinationListSchema = z.strictObject({
  key_info: z.record(z.string(), z.array(z.string())),
  keys: z.array(z.string()).describe("Types, with a slash at their end."),
  total_destinations: count,
});

export const destinationNamesSchema = z.strictObject({
  keys: z.array(z.string()),
  total_destinations: count,
});

const syncStatusSchema = z.enum([
  "PENDING",
  "SYNCED",
  "UNSYNCED",
  "CLIENT_SIDE_ERROR",
  "EXTERNAL_SERVICE_ERROR",
  "INTERNAL_VAULT_ERROR",
]);

const statusFields = {
  sync_status: syncStatusSchema,
  updated_at: time.describe("When the status became what it is."),
  reason: z.string().describe("Why. An addition to Vault's fields, as all that follow."),
  since: time,
  next_step: z.string().min(1).optional().describe("What to do; absent: nothing."),
  external_name: z.string().optional().describe("The name in Key Vault."),
  external_names: z.array(z.string()).min(2).optional().describe("All names, where there are several."),
  version: z.int().positive().optional().describe("The source's version that Key Vault holds."),
  rule: z.string().optional().describe("The rule that makes this association; absent: somebody set it."),
};

export const associationsSchema = z.strictObject({
  store_name: z.string(),
  store_type: z.literal("azure-kv"),
  associated_secrets: z
    .record(
      z.string(),
      z.strictObject({
        accessor: z.string(),
        secret_name: z.string(),
        sub_key: z
          .string()
          .describe("Under secret-key the key; otherwise, and while none is written, empty."),
        mount: z.string(),
        ...statusFields,
      }),
    )
    .describe("By `<accessor>/<secret_name>`, or `<accessor>/<secret_name>/<sub_key>`."),
});

export const connectionCheckSchema = z.strictObject({
  findings: z
    .array(z.strictObject(checkFindingSchema.omit({ isCertain: true }).shape))
    .describe("In the order of the steps; those after a failed one are left out."),
});

export const associationListSchema = z.strictObject({
  key_info: z.record(
    z.string(),
    z.array(z.strictObject({ mount: z.string().endsWith("/"), secret_path: z.string() })),
  ),
  keys: z.array(z.string()),
  total_associations: count.describe("Pairs of secret and destination."),
  total_secrets: count,
});

export const destinationsOfSecretSchema = z.strictObject({
  associated_destinations: z
    .record(z.string(), z.strictObject({ type: z.literal("azure-kv"), name: z.string(), ...statusFields }))
    .describe("By `<type>/<name>`."),
});

export const syncConfigSchema = z.strictObject({
  disabled: z.boolean().describe("Everything is paused; see sys/sync/pause."),
  queue_capacity: z.int().positive().describe("Stored and returned; nothing follows from it."),
});

const pauseSchema = z.strictObject({ since: time, reason: z.string() });

export const pausesSchema = z.strictObject({
  all: pauseSchema.nullable().describe("Everything, of all namespaces."),
  destinations: z.record(z.string(), pauseSchema).describe("By `<type>/<name>`."),
  associations: z.array(
    pauseSchema.extend({ destination: z.string(), mount: z.string(), secret_name: z.string() }),
  ),
});

export const activationFlagsSchema = z.strictObject({
  activated: z.array(z.string()),
  unactivated: z.array(z.string()),
});
