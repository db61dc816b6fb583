import { z } from "zod";
import { connectionSchema, type ResolvedPolicy, uidSchema } from "./destination.ts";
import { secretKeySchema } from "./secret-ref.ts";

// The question of the association-service what lies in a Key Vault under names that are not ours yet, which a sink
// answers: only sinks can look. On core NATS, gone when it is answered. No value is in it: where values are compared, the
// sink compares, and says whether they are the same (P5).

/** Names in one question: an answer stays well within one message. */
export const LOOK_NAMES_MAX = 2_000;
/** Pairs in one question. */
export const LOOK_PAIRS_MAX = 200;

const vaultSchema = z.object({
  major: z.literal(1),
  /** For messages. */
  destination: z.string(),
  /** How long the answer is waited for, ms. */
  waitMs: z.int().positive(),
});

export const vaultLookRequestSchema = z.discriminatedUnion("kind", [
  /** Names that a plan would write, also of a destination that is not there yet. */
  vaultSchema.extend({
    kind: z.literal("names"),
    connection: connectionSchema,
    rateGroup: z.string().optional(),
    names: z
      .array(z.object({ name: z.string().min(1), association: uidSchema.optional() }))
      .max(LOOK_NAMES_MAX),
  }),
  /** The names that commands wish, which the sink makes itself: it alone knows a secret's keys. */
  vaultSchema.extend({
    kind: z.literal("pairs"),
    uid: uidSchema,
    pairs: z.array(secretKeySchema).max(LOOK_PAIRS_MAX),
    /** Compare the value there with the one at the source. */
    compare: z.boolean(),
  }),
]);
export type VaultLookRequest = z.infer<typeof vaultLookRequestSchema>;

/** `free`: nobody's name. `ours`: it carries the asking association's mark. Otherwise whose it is. */
export const vaultMarkSchema = z.enum([
  "free",
  "ours",
  "sibling",
  "none",
  "managed",
  "released",
  "other-instance",
  "forged",
  "unknown-key",
]);
export type VaultMark = z.infer<typeof vaultMarkSchema>;

/** What each policy takes over, by whose mark is on it. A lost key's mark may be a living sibling's, so never (O14). */
export const TAKEN_OVER: Readonly<Record<ResolvedPolicy["ownership"], readonly VaultMark[]>> = {
  refuse: [],
  adopt: ["none"],
  overwrite: ["none", "released", "forged", "other-instance"],
};

export const seenNameSchema = z.object({
  name: z.string(),
  /** Under secret-key: the key whose value it would hold. */
  subKey: z.string().optional(),
  /** Of a question about pairs. */
  secretKey: secretKeySchema.optional(),
  /** `deleted`: soft-deleted, and the name is taken until it is recovered or purged. */
  there: z.enum(["absent", "present", "deleted"]),
  mark: vaultMarkSchema,
  /** Whose it is, for people. */
  whose: z.string(),
  /** Names exactly what lies there (`seenToken`); absent: it was not looked at closely. */
  token: z.string().optional(),
  /** The newest version, where its time says which that is. */
  version: z.string().optional(),
  createdOn: z.number().optional(),
  enabled: z.boolean().optional(),
  contentType: z.string().optional(),
  /** Names of tags; what they say stays there. */
  tags: z.array(z.string()).optional(),
  /** Has a date (not before, expires) that only a new version can take away. */
  hasDate: z.boolean().optional(),
  /** `unknown`: it can't be read there, or at the source. Absent: not compared. */
  value: z.enum(["same", "different", "unknown"]).optional(),
  /** What the value there was compared with. */
  comparedWith: z
    .object({ incarnation: z.string(), version: z.int(), versionCreatedTime: z.string().optional() })
    .optional(),
});
export type SeenName = z.infer<typeof seenNameSchema>;

export const vaultLookReplySchema = z.object({
  major: z.literal(1),
  names: z.array(seenNameSchema),
  /** Pairs that could not be looked at, and why. */
  notLooked: z.array(z.object({ secretKey: secretKeySchema, why: z.string() })),
  /** Why nothing could be looked at; null if it could. */
  failure: z.string().nullable(),
});
export type VaultLookReply = z.infer<typeof vaultLookReplySchema>;
