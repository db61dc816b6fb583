import { createHash } from "node:crypto";
import { z } from "zod";
import { syncSpecSchema, uidSchema } from "./destination.ts";
import { secretKeySchema, secretRefSchema } from "./secret-ref.ts";

export const laneSchema = z.enum(["live", "bulk"]);
export type Lane = z.infer<typeof laneSchema>;

/** The state that the resolver saw; the sink compares it with what it reads before it acts. */
export const expectedStateSchema = z.object({
  /** null: gone. */
  incarnation: z.string().nullable(),
  current: z.int().nonnegative(),
  fingerprint: z.string(),
});
export type ExpectedState = z.infer<typeof expectedStateSchema>;

/** Leave to delete. Only the resolver gives it (DESIGN section 6); a sink without one answers `held`. */
export const permitSchema = z.discriminatedUnion("by", [
  /** A person removed the association or purged the destination. */
  z.object({ by: z.literal("person") }),
  /** Taken from the destination's budget for this very state, and reused for it. */
  z.object({ by: z.literal("budget"), fingerprint: z.string() }),
  /** A person approved the set of held deletes with this digest; good for this very state (hazard held-then-alive). */
  z.object({ by: z.literal("approval"), digest: z.string(), fingerprint: z.string() }),
]);
export type Permit = z.infer<typeof permitSchema>;

/**
 * Leave to take over what lies under one name and is nobody's: a person looked at it. Good for exactly what was seen, and
 * for this command alone; a later one does not carry it.
 */
export const adoptionSchema = z.object({
  /** `seenToken` of what lay there. */
  seen: z.string().min(1),
  /** A sink compared: that version holds the very value of this version of the source, and a new mark is enough. */
  holds: z
    .object({
      keyVaultVersion: z.string().min(1),
      incarnation: z.string(),
      version: z.int(),
      versionCreatedTime: z.string().optional(),
    })
    .optional(),
});
export type Adoption = z.infer<typeof adoptionSchema>;

export const commandReasonSchema = z.enum([
  "source",
  "set",
  "remove",
  "settle",
  "purge",
  "rule",
  "replay",
  "drift",
]);

/** SYNC_DESIRED: the wish for one (destination, secret), complete: the sink needs no association look-up. */
export const syncCommandSchema = z.object({
  major: z.literal(1),
  epoch: z.int().nonnegative(),
  op: z.enum(["sync", "unsync"]),
  destination: uidSchema,
  association: uidSchema,
  secretKey: secretKeySchema,
  secret: secretRefSchema,
  /**
   * Where the mount stood when the association was set, if it has been moved since: names keep it until a refresh,
   * while the secret is read where it is now (O20). Absent: names are made of `secret`.
   */
  namedAs: z.object({ namespace: z.string(), mount: z.string() }).optional(),
  spec: syncSpecSchema,
  /** null for a person's unsync, which reads nothing of the source (O1). */
  expect: expectedStateSchema.nullable(),
  permit: permitSchema.nullable(),
  reason: commandReasonSchema,
  /** By lower-case name. It allows, and forbids nothing: a sink that does not know it refuses as before. */
  adopt: z.record(z.string(), adoptionSchema).optional(),
  /**
   * Of an unsync: the pair is older than its record may be, as a stream lost something since. The name that it gives is
   * looked at before it is said that nothing of ours is there.
   */
  lookFirst: z.boolean().optional(),
  /** What this was resolved from: a resolver that reads less is behind and reads again (O9). */
  resolvedFrom: z.object({
    associationRevision: z.int().nonnegative(),
    stateSequence: z.int().nonnegative(),
    /** How far the rules were known; absent: no rule counted. */
    rulesSequence: z.int().nonnegative().optional(),
  }),
  /** Milliseconds since 1970 at which the change was committed at the source, where it is known; for latency figures. */
  committedAt: z.number().optional(),
});
export type SyncCommand = z.infer<typeof syncCommandSchema>;

/** The part of a command that says what is wished; two commands with one digest ask for the same. */
export function wishDigest(
  command: Pick<SyncCommand, "op" | "association" | "secret" | "namedAs" | "spec" | "expect" | "permit">,
): string {
  const { op, association, secret, namedAs, spec, expect, permit } = command;
  const tags = Object.entries(spec.customTags).sort(([a], [b]) => (a < b ? -1 : 1));
  const canonical = JSON.stringify([
    op,
    association,
    [secret.source, secret.namespace, secret.mount, secret.accessor, secret.path],
    [spec.granularity, spec.nameTemplate, tags],
    expect && [expect.incarnation, expect.current, expect.fingerprint],
    permit && permit.by,
    // Only where they say something: a wish without them keeps the digest that its outcome was recorded with.
    ...(namedAs === undefined ? [] : [["named-as", namedAs.namespace, namedAs.mount]]),
    ...(spec.byRule === true ? ["by-rule"] : []),
  ]);
  return createHash("sha256").update(canonical).digest("base64url").slice(0, 27);
}
