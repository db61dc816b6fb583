import { z } from "zod";

/** Immutable: names a destination in subjects, keys and tags, so that a re-created name is another destination. */
export const uidSchema = z.string().regex(/^[a-z2-7]{13,26}$/);
export type Uid = z.infer<typeof uidSchema>;

export const granularitySchema = z.enum(["secret-path", "secret-key"]);
export type Granularity = z.infer<typeof granularitySchema>;

/** How external secrets of an association are made. Pinned in the association at set (hazard template-patched). */
export const syncSpecSchema = z.object({
  granularity: granularitySchema,
  /** The effective template; never empty. */
  nameTemplate: z.string().min(1),
  customTags: z.record(z.string(), z.string()),
});
export type SyncSpec = z.infer<typeof syncSpecSchema>;

export const credentialSchema = z.discriminatedUnion("kind", [
  /** The client secret lies in the source's own KVv2, under Keyferry's mount, at this path and version. */
  z.object({ kind: z.literal("client-secret"), path: z.string(), version: z.int() }),
  /** The sink's own configuration or environment holds it. */
  z.object({ kind: z.literal("environment") }),
]);
export type Credential = z.infer<typeof credentialSchema>;

/** KV bucket `destinations`. */
export const destinationRecordSchema = z.object({
  major: z.literal(1),
  uid: uidSchema,
  namespace: z.string(),
  type: z.literal("azure-kv"),
  name: z.string().min(1),
  /** `deleting`: set is refused, its associations are being unsynced. `retired`: kept for its last outcomes only. */
  state: z.enum(["active", "deleting", "retired"]),
  connection: z.object({
    /** Exactly as it was sent: Terraform compares it byte by byte. */
    keyVaultUri: z.string(),
    tenantId: z.string(),
    clientId: z.string(),
    cloud: z.string().optional(),
    credential: credentialSchema,
  }),
  spec: syncSpecSchema,
  createdAt: z.string(),
  updatedAt: z.string(),
});
export type DestinationRecord = z.infer<typeof destinationRecordSchema>;
