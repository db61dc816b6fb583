import { z } from "zod";
import { uidSchema } from "./destination.ts";
import { laneSchema } from "./sync-command.ts";

// Core NATS, request and answers: what each running service says of itself when it is asked. Nothing is stored, so what
// a dead service once said can't be taken for the present.

/** A way by which hints come, and when the last one came, ms since 1970; null: none since the start. */
const hintChannelSchema = z.object({
  name: z.string(),
  state: z.string(),
  lastHintAt: z.number().nullable(),
});

export const detectorFactsSchema = z.object({
  duty: z.enum(["working", "standing-by", "waiting"]),
  secretsKnown: z.int().nonnegative(),
  channels: z.array(hintChannelSchema),
  /** null: none has ended since this detector began to work. */
  lastSweep: z
    .object({ endedAt: z.number(), tookMs: z.number(), mounts: z.int(), failed: z.int() })
    .nullable(),
  /** Mounts of which something is held, and why (`source-changed` and the like), lately. */
  held: z.array(z.object({ mount: z.string(), why: z.string(), at: z.number() })),
});
export type DetectorFacts = z.infer<typeof detectorFactsSchema>;

export const sinkFactsSchema = z.object({
  redis: z.object({ connected: z.boolean(), why: z.string().optional() }),
  /** Breakers that are not closed, by destination and operation. */
  breakers: z.array(
    z.object({
      destination: uidSchema,
      op: z.enum(["sync", "unsync"]),
      state: z.string(),
      until: z.number().nullable(),
      why: z.string(),
    }),
  ),
  /** Calls that wait for a vault's rate; `paused`: it answered 429. Absent from sinks of before. */
  pacing: z
    .array(
      z.object({
        vault: z.string(),
        kind: z.enum(["create", "other"]),
        lane: laneSchema,
        count: z.int().nonnegative(),
        why: z.enum(["rate", "live-first", "paused"]),
      }),
    )
    .optional(),
});
export type SinkFacts = z.infer<typeof sinkFactsSchema>;

export const presenceSchema = z.object({
  major: z.literal(1),
  service: z.string(),
  /** Of this run of the process. */
  id: z.string(),
  version: z.string(),
  startedAt: z.number(),
  /** The service's own clock when it answered, ms since 1970. */
  now: z.number(),
  /** What it waits for; empty: it is ready. */
  waitingFor: z.array(z.string()),
  detector: detectorFactsSchema.optional(),
  sink: sinkFactsSchema.optional(),
});
export type Presence = z.infer<typeof presenceSchema>;
