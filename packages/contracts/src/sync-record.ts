import { CATALOGUE, type ErrorCode } from "@keyferry/errors";
import { z } from "zod";
import { uidSchema } from "./destination.ts";
import { fenceSchema } from "./fence.ts";
import { secretKeySchema, secretRefSchema } from "./secret-ref.ts";

const errorCodeSchema = z
  .string()
  .transform((code): ErrorCode => (code in CATALOGUE ? (code as ErrorCode) : "unexpected"));

export const errorReportSchema = z.object({
  code: errorCodeSchema,
  class: z.enum(["client-side", "external-service", "internal"]),
  retry: z.enum(["now", "later", "hopeless"]),
  message: z.string(),
  advice: z.string(),
  details: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
});

/** What PATCH can change beside tags, as it was written. Times in milliseconds since 1970. */
export const appliedAttributesSchema = z.object({
  contentType: z.string(),
  enabled: z.boolean(),
  notBefore: z.number().optional(),
  expires: z.number().optional(),
});
export type AppliedAttributes = z.infer<typeof appliedAttributesSchema>;

/** What one external secret holds by our last successful write. */
export const appliedSchema = z.object({
  fence: fenceSchema,
  incarnation: z.string(),
  /** The source's version number. */
  version: z.int(),
  /**
   * When the source made that version. A source that was restored from a snapshot gives a number a second time, with
   * other data (hazard source-snapshot-restore). Absent in records of before: then the number alone is compared.
   */
  versionCreatedTime: z.string().optional(),
  /** Key Vault's id of the version that we wrote. */
  keyVaultVersion: z.string(),
  /** Keyed digest of the value under its name; says "the same" without the value. */
  digest: z.string(),
  /** Digest of the tags and attributes that we wrote. */
  tagsDigest: z.string(),
  /** Those attributes themselves: a date that is to go away needs more than a patch. */
  attributes: appliedAttributesSchema.optional(),
  at: z.string(),
});
export type Applied = z.infer<typeof appliedSchema>;

/** A write that may be under way. Written before the write, so that a crash between Azure and us is seen. */
export const intentSchema = z.object({
  /** Unique per attempt, also in the tag of what is written: how the finder knows whether it landed. */
  opId: z.string(),
  action: z.enum(["put", "patch", "delete", "recover", "disable", "release"]),
  fence: fenceSchema,
  /** How long the write may take, counted from the JetStream time of the message that opened it. */
  deadlineMs: z.int().positive(),
  /** What the write is to leave there; absent for deletes and recoveries. A finder records it without guessing. */
  target: z
    .object({
      incarnation: z.string(),
      version: z.int(),
      versionCreatedTime: z.string().optional(),
      tagsDigest: z.string(),
      attributes: appliedAttributesSchema.optional(),
    })
    .optional(),
  /** That JetStream time, filled in by whoever publishes the record again; absent in the opening message itself. */
  openedAt: z.number().optional(),
});
export type Intent = z.infer<typeof intentSchema>;

/**
 * A write that may still land although its time is over: Key Vault has no compare-and-set that could keep it out
 * (hazard late-put-after-lock). The vault is looked at for it at these times, milliseconds since 1970, ascending (O13).
 */
export const lateCheckSchema = z.object({
  opId: z.string(),
  name: z.string(),
  action: z.enum(["put", "patch", "delete", "recover", "disable", "release"]),
  at: z.array(z.number()),
});
export type LateCheck = z.infer<typeof lateCheckSchema>;

export const nameRecordSchema = z.object({
  /** As it was written; compared in lower case, as Key Vault does. */
  name: z.string(),
  /** Under secret-key: the top-level key of the secret whose value it holds. */
  subKey: z.string().optional(),
  applied: appliedSchema.nullable(),
  /** What the last write left there: nothing of ours, our live secret, or our soft-deleted one. */
  state: z.enum(["absent", "live", "deleted", "recovering", "disabled", "released"]),
  intent: intentSchema.nullable(),
  /**
   * Why our soft-deleted secret was not purged although the destination asks for that: its vault has purge protection, or
   * the role may not. Not asked for again until the name is written anew.
   */
  notPurged: z.enum(["protected", "denied"]).optional(),
});
export type NameRecord = z.infer<typeof nameRecordSchema>;

/** How a consumed command ended. Every one ends in one of these, also when nothing was done (O5). */
export const outcomeSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("synced"), version: z.int(), wrote: z.boolean() }),
  z.object({ kind: z.literal("unsynced"), wrote: z.boolean() }),
  /** Tried again by itself at `until`, for ever. */
  z.object({ kind: z.literal("waiting"), until: z.number(), attempts: z.int(), error: errorReportSchema }),
  /** Needs a delete permit. */
  z.object({ kind: z.literal("held"), error: errorReportSchema }),
  /** Not tried again before something changes; settle looks at it again now and then. */
  z.object({ kind: z.literal("refused"), error: errorReportSchema }),
]);
export type Outcome = z.infer<typeof outcomeSchema>;

/** SYNC_RESULTS: intents and outcomes of one (destination, secret). Each carries the whole record; the last is enough. */
export const syncRecordSchema = z.object({
  major: z.literal(1),
  kind: z.enum(["intent", "outcome"]),
  destination: uidSchema,
  association: uidSchema,
  secretKey: secretKeySchema,
  secret: secretRefSchema,
  /** The last command whose outcome is in; an intent leaves it as it was. */
  consumed: fenceSchema,
  /** Digest of the wish of that command. */
  wish: z.string(),
  /** Keyed by the lower-case name. */
  names: z.record(z.string(), nameRecordSchema),
  outcome: outcomeSchema.nullable(),
  /** When the outcome's kind last changed, and when it was last confirmed. */
  since: z.string(),
  updatedAt: z.string(),
  /** Writes that ended unclearly and are looked for once more. */
  verify: z.array(lateCheckSchema).optional(),
});
export type SyncRecord = z.infer<typeof syncRecordSchema>;
