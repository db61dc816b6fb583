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
  /**
   * True where a rule chose the names and no person: a name that normalisation altered ends in a hash (O19, hazard
   * name-squatting), and a name that is no longer wished needs a permit. Absent means false.
   */
  byRule: z.boolean().optional(),
});
export type SyncSpec = z.infer<typeof syncSpecSchema>;

export const credentialSchema = z.discriminatedUnion("kind", [
  /** The client secret lies in the source's own KVv2, under Keyferry's mount, at this path and version. */
  z.object({ kind: z.literal("client-secret"), path: z.string(), version: z.int() }),
  /** The sink's own configuration or environment holds it. */
  z.object({ kind: z.literal("environment") }),
  /** A certificate with its private key, PEM, kept as a client secret is. */
  z.object({ kind: z.literal("certificate"), path: z.string(), version: z.int() }),
  /** The sink's own token of the platform (a projected service account token) is exchanged for one of Azure. */
  z.object({
    kind: z.literal("workload-identity"),
    /** That token must be for this audience; absent: Entra's usual one. */
    audience: z.string().min(1).optional(),
    /** What a caller wanted its life to be. The platform decides; kept because Terraform compares it. */
    wantedTtlS: z.int().positive().optional(),
  }),
  /** The identity that Azure gives the machine the sink runs on; `clientId` says which, if it has several. */
  z.object({ kind: z.literal("managed-identity") }),
]);
export type Credential = z.infer<typeof credentialSchema>;

/** Which addresses a destination may lead to: Vault's four switches (O18). Absent: strict, as Vault has it. */
export const networkSchema = z.object({
  disableStrictNetworking: z.boolean().optional(),
  allowedIpv4Addresses: z.array(z.string()).optional(),
  allowedIpv6Addresses: z.array(z.string()).optional(),
  allowedPorts: z.array(z.int()).optional(),
});
export type NetworkRules = z.infer<typeof networkSchema>;

export const ownershipSchema = z.enum(["refuse", "adopt", "overwrite"]);
export const onDeleteSchema = z.enum(["delete", "disable", "retain"]);

/** How a destination is written to, beyond what Vault knows. Absent fields take the defaults of `policyOf`. */
export const destinationPolicySchema = z.object({
  /**
   * What becomes of a Key Vault secret under a wished name that is not ours. `refuse`: nothing. `adopt`: taken over
   * where nobody else's mark is on it. `overwrite`: taken over in any case but another living association of ours.
   */
  ownership: ownershipSchema.optional(),
  /** What an unsync does to our secret: soft delete, disable every live version of ours, or leave it and let go of it. */
  onDelete: onDeleteSchema.optional(),
  /** True: what an unsync has deleted is purged as well, where Key Vault and the role allow it. */
  purgeDeleted: z.boolean().optional(),
  /** True: what is written carries Vault's own tag, `hashicorp:vault`, for tools that go by it. */
  vaultTag: z.boolean().optional(),
  /** What becomes of an owned secret that somebody edited by hand. */
  handEdits: z.enum(["report", "repair"]).optional(),
  /** False: a new source version with the very same data costs a patch, not a Key Vault version (O15). */
  versionPerVersion: z.boolean().optional(),
  /** Vaults of one subscription and region share Azure's five-fold limit: the group's name. Absent: the vault alone. */
  rateGroup: z.string().optional(),
  /** Source-driven deletes that need no person: max(minimum, percent) an hour, and a percentage a day. */
  deleteGuard: z
    .object({
      minimum: z.int().nonnegative().optional(),
      hourlyPercent: z.number().min(0).max(100).optional(),
      dailyPercent: z.number().min(0).max(100).optional(),
    })
    .optional(),
});
export type DestinationPolicy = z.infer<typeof destinationPolicySchema>;

/** A destination's policy with every default filled in, but the guard's, which the service's configuration has. */
export interface ResolvedPolicy {
  readonly ownership: "refuse" | "adopt" | "overwrite";
  readonly onDelete: "delete" | "disable" | "retain";
  readonly handEdits: "report" | "repair";
  readonly versionPerVersion: boolean;
  readonly rateGroup: string | undefined;
  readonly purgeDeleted: boolean;
  readonly vaultTag: boolean;
}

/** The careful choice where nothing is said: nothing foreign is touched, nothing of ours is left behind. */
export function policyOf(policy: DestinationPolicy | undefined): ResolvedPolicy {
  return {
    ownership: policy?.ownership ?? "refuse",
    onDelete: policy?.onDelete ?? "delete",
    handEdits: policy?.handEdits ?? "report",
    versionPerVersion: policy?.versionPerVersion ?? true,
    rateGroup: policy?.rateGroup,
    purgeDeleted: policy?.purgeDeleted ?? false,
    vaultTag: policy?.vaultTag ?? false,
  };
}

/** Who reads for a destination, and what may be read for it (DESIGN section 6, hazard rule-as-deputy). */
export const sourceAccessSchema = z.object({
  /** The sinks log in with this role to read its values; absent: their own role. */
  role: z.string().min(1).optional(),
  /** `<mount>/<path prefix>`; absent: everything that the caller may read. */
  allowed: z.array(z.string().min(1)).optional(),
});
export type SourceAccess = z.infer<typeof sourceAccessSchema>;

/**
 * True if a secret lies in a place that values may be taken from: it is one of them or below it, by whole segments, so
 * that `secret/app` covers `secret/app/db` and not `secret/apple`.
 */
export function isSourceAllowed(
  source: SourceAccess | undefined,
  { mount, path }: { readonly mount: string; readonly path: string },
): boolean {
  const allowed = source?.allowed;
  if (allowed === undefined) return true;
  const place = `${mount}/${path}`;
  return allowed.some((prefix) => place === prefix || place.startsWith(`${prefix}/`));
}

/** Where a destination is, who it is there, and which addresses it may lead to. */
export const connectionSchema = z.object({
  /** Exactly as it was sent: Terraform compares it byte by byte. */
  keyVaultUri: z.string(),
  tenantId: z.string(),
  /** Empty: the machine's own identity. */
  clientId: z.string(),
  cloud: z.string().optional(),
  credential: credentialSchema,
  network: networkSchema.optional(),
});
export type Connection = z.infer<typeof connectionSchema>;

/** KV bucket `destinations`. */
export const destinationRecordSchema = z.object({
  major: z.literal(1),
  uid: uidSchema,
  namespace: z.string(),
  type: z.literal("azure-kv"),
  name: z.string().min(1),
  /** `deleting`: set is refused, its associations are being unsynced. `retired`: kept for its last outcomes only. */
  state: z.enum(["active", "deleting", "retired"]),
  connection: connectionSchema,
  spec: syncSpecSchema,
  policy: destinationPolicySchema.optional(),
  source: sourceAccessSchema.optional(),
  createdAt: z.string(),
  updatedAt: z.string(),
});
export type DestinationRecord = z.infer<typeof destinationRecordSchema>;
