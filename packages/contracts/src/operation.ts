import { z } from "zod";
import { uidSchema } from "./destination.ts";
import { secretKeySchema, secretRefSchema } from "./secret-ref.ts";

// KV bucket `operations`: what a person asked for, and how far it is. Families of keys, one schema each.

const pauseSchema = z.object({ since: z.string(), reason: z.string() });

/** Key `pause.all`. A sink that sees one stops writing there within 5 s; sets and removes are accepted as PENDING. */
export const pausesRecordSchema = z.object({
  major: z.literal(1),
  /** Everything: `keyferry pause`, or `disabled` of Vault's sys/sync/config. */
  all: pauseSchema.nullable(),
  /** By destination uid. */
  destinations: z.record(uidSchema, pauseSchema),
  /** By `<destination uid>.<k>`. */
  associations: z.record(z.string(), pauseSchema),
});
export type PausesRecord = z.infer<typeof pausesRecordSchema>;

/** Key `drift-request.<destination uid>`: look now. A sink answers by a report whose `requestedAt` is this one's. */
export const driftRequestSchema = z.object({
  major: z.literal(1),
  destination: uidSchema,
  mode: z.enum(["check", "repair"]),
  requestedAt: z.string(),
  /** A person has looked: repair also if more than 5 % differ. */
  evenIfMany: z.literal(true).optional(),
  /** Orphans that a person approved to be deleted: exactly these, as they were listed. */
  collect: z
    .array(z.object({ name: z.string(), mark: z.string() }))
    .max(500)
    .optional(),
});
export type DriftRequest = z.infer<typeof driftRequestSchema>;

export const driftFindingSchema = z.object({
  name: z.string(),
  /** `missing`: ours is not there. `older`: an older version of ours is the latest. `edited`: somebody wrote over it.
   *  `attributes`: tags or attributes differ. `orphan`: our mark is on it, and nothing wants it. */
  kind: z.enum(["missing", "older", "edited", "attributes", "orphan"]),
  secretKey: secretKeySchema.nullable(),
  secret: secretRefSchema.nullable(),
  /** What was done: `repaired` says that a new write was ordered. */
  action: z.enum(["reported", "repaired", "collected"]),
  detail: z.string(),
  /** Of an orphan: what its mark says. An approval is of this very thing. */
  mark: z.string().optional(),
});
export type DriftFinding = z.infer<typeof driftFindingSchema>;

/** Key `drift-report.<destination uid>`: the last look at the whole vault. */
export const driftReportSchema = z.object({
  major: z.literal(1),
  destination: uidSchema,
  requestedAt: z.string().nullable(),
  startedAt: z.string(),
  finishedAt: z.string(),
  mode: z.enum(["check", "repair"]),
  listed: z.int().nonnegative(),
  owned: z.int().nonnegative(),
  /** All of them are counted; the first 500 are listed. */
  counts: z.record(z.string(), z.int().nonnegative()),
  findings: z.array(driftFindingSchema),
  /** Why nothing was repaired although it was asked for: too much differs, or the list was cut short. */
  onlyReported: z.string().nullable(),
  /** Why the look failed, if it did. */
  failure: z.string().nullable(),
});
export type DriftReport = z.infer<typeof driftReportSchema>;

/** Key `operation.<id>`: long work (replay, resync) that survives the process which does it. */
export const operationRecordSchema = z.object({
  major: z.literal(1),
  id: uidSchema,
  kind: z.enum(["replay", "resync"]),
  state: z.enum(["running", "done", "failed", "cancelled"]),
  options: z.object({
    /** Whose secrets and destinations. */
    namespace: z.string(),
    since: z.string().optional(),
    until: z.string().optional(),
    destination: uidSchema.optional(),
    mount: z.string().optional(),
    path: z.string().optional(),
    perSecond: z.number().positive().optional(),
    /** Of a replay: the last event of the log that counts, so that whoever takes over selects the same secrets. */
    through: z.int().nonnegative().optional(),
  }),
  /** What is done already: the last pair (`<destination uid>.<k>`) in order; empty: none. */
  cursor: z.string(),
  progress: z.object({
    total: z.int(),
    done: z.int(),
    ordered: z.int(),
    unchanged: z.int(),
    /** Of these no state is known: the detector was asked to look, and what it sees is resolved by itself. */
    asked: z.int(),
    /** The settle loop looks at them again. */
    failed: z.int(),
  }),
  /** Who works on it and until when it counts as working, ms since 1970. */
  worker: z.object({ id: z.string(), until: z.number() }).nullable(),
  message: z.string(),
  createdAt: z.string(),
  updatedAt: z.string(),
});
export type OperationRecord = z.infer<typeof operationRecordSchema>;

/** Key `approval.<destination uid>`: a person approved this very set of held deletes; used once each (DESIGN section 6). */
export const approvalRecordSchema = z.object({
  major: z.literal(1),
  destination: uidSchema,
  digest: z.string(),
  /**
   * `<k>` → what exactly was held: the fingerprint of its state and the fence of its command, as `heldToken` makes it. A
   * later command is not meant by it (hazard held-then-alive). A key leaves when its permit is given.
   */
  pending: z.record(z.string(), z.string()),
  at: z.string(),
});
export type ApprovalRecord = z.infer<typeof approvalRecordSchema>;
