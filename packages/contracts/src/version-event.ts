import { z } from "zod";
import { secretRefSchema } from "./secret-ref.ts";
import { secretStateSchema } from "./secret-state.ts";

/** What a look at a secret changed, as labels for people; the state beside them is what services act on. */
export const changeSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("first-seen") }),
  z.object({ kind: z.literal("secret-created") }),
  z.object({ kind: z.literal("secret-deleted") }),
  z.object({ kind: z.literal("version-created"), version: z.int() }),
  z.object({ kind: z.literal("version-deleted"), version: z.int(), expired: z.boolean() }),
  z.object({ kind: z.literal("version-undeleted"), version: z.int() }),
  z.object({ kind: z.literal("version-destroyed"), version: z.int() }),
  z.object({ kind: z.literal("version-pruned"), version: z.int() }),
  z.object({ kind: z.literal("metadata-updated") }),
  /** The mount was moved (same accessor): the state is as it was, the path to it is not. Mounts, with their namespaces. */
  z.object({ kind: z.literal("moved"), from: z.string(), to: z.string() }),
  /** The source went back: restored from a snapshot. */
  z.object({ kind: z.literal("regressed"), from: z.int(), to: z.int() }),
]);
export type Change = z.infer<typeof changeSchema>;

/** What made the detector look. For people and metrics only: no decision depends on it. */
export const lookCauseSchema = z.enum(["hint", "sweep", "expiry", "asked"]);
export type LookCause = z.infer<typeof lookCauseSchema>;

/** KV2_EVENTS: one message per observation that changed something, with the secret's whole observed metadata. */
export const versionEventSchema = z.object({
  major: z.literal(1),
  secret: secretRefSchema,
  clusterId: z.string(),
  state: secretStateSchema,
  fingerprint: z.string(),
  changes: z.array(changeSchema),
  via: lookCauseSchema,
  /** When the read began that saw this, milliseconds since 1970 by the detector's clock. */
  readStartedAt: z.number(),
  /** When the source committed the change, ms since 1970, where the channel told it; for latency figures. */
  committedAt: z.number().optional(),
  /** When the hint arrived that caused it; absent for a sweep. */
  hintedAt: z.number().optional(),
});
export type VersionEvent = z.infer<typeof versionEventSchema>;

/** Core NATS: look at this secret. It never says what is there. */
export const hintSchema = z.object({
  major: z.literal(1),
  namespace: z.string(),
  /** Empty: look at every mount. */
  mount: z.string(),
  /** Absent: look at the whole mount. */
  path: z.string().optional(),
  operation: z.enum(["write", "delete", "undelete", "destroy", "metadata-write", "metadata-delete", "look"]),
  /** The write answered with this version: a read that shows less is behind. */
  minVersion: z.int().optional(),
  /** Milliseconds since 1970 at which the source committed, where the channel tells. */
  committedAt: z.number().optional(),
  /** Of the write at the source: its request id without dashes, or the caller's own trace. 32 hex digits. */
  traceId: z
    .string()
    .regex(/^[0-9a-f]{32}$/)
    .optional(),
  channel: z.enum([
    "audit-file",
    "audit-socket",
    "audit-http",
    "events",
    "gateway",
    "manual",
    "resolver",
    "sink",
  ]),
});
export type Hint = z.infer<typeof hintSchema>;
