// Owns: the shapes of the answers about status. Pure. Strict: a field that is not named here is a defect.

import { z } from "zod";

const time = z.iso.datetime({ offset: true });
const count = z.int().nonnegative();

const channelSchema = z.strictObject({
  name: z.string(),
  state: z.string(),
  last_hint_at: time.nullable().describe("null: none since the service started."),
});

export const serviceSchema = z.strictObject({
  service: z.string(),
  id: z.string().describe("Of this run of the process."),
  version: z.string(),
  started_at: time,
  state: z.string().describe("ready, standing by, or what it waits for."),
  clock_off_ms: z.int().describe("How far its clock is from the association-service's; about 0."),
  hint_channels: z.array(channelSchema).optional(),
  last_sweep: z
    .strictObject({ ended_at: time, took_ms: count, mounts: count, failed: count })
    .nullable()
    .optional(),
  secrets_known: count.optional(),
  held_mounts: z.array(z.strictObject({ mount: z.string(), why: z.string(), since: time })).optional(),
});

const breakerSchema = z.strictObject({
  op: z.enum(["sync", "unsync"]),
  state: z.string(),
  until: time.nullable(),
  why: z.string(),
  service: z.string().describe("The id of the sink that says so."),
});

export const destinationStatusSchema = z.strictObject({
  name: z.string(),
  type: z.literal("azure-kv"),
  state: z.enum(["active", "deleting"]),
  counts: z.record(z.string(), count).describe("Associations by sync_status."),
  held: count.describe("Of the PENDING ones, those that wait for a person's approval."),
  errors: z.record(z.string(), count).describe("Associations by the error code of their outcome."),
  associations: count,
  oldest_pending: z
    .strictObject({ secret: z.string(), since: time, reason: z.string() })
    .nullable()
    .describe("The longest wait; its age is the lag."),
  last_outcome_at: time.nullable(),
  breakers: z.array(breakerSchema).describe("Why the vault is not asked at the moment; empty: it is."),
  pacing: z
    .strictObject({
      waiting_live: count,
      waiting_bulk: count,
      throttled: z.boolean().describe("The vault answered 429: one probe goes first."),
    })
    .describe("Calls that wait for the vault's rate, of all sinks."),
  paused: z.string().nullable().describe("Since when and why, if a person paused it."),
  last_drift_check: z
    .strictObject({ finished_at: time, mode: z.string(), findings: count, failure: z.string().nullable() })
    .nullable(),
});

export const overviewSchema = z.strictObject({
  at: time,
  services: z.array(serviceSchema),
  missing: z.array(z.string()).describe("Kinds of service of which none has answered."),
  source: z.strictObject({ name: z.string(), state: z.string() }),
  nats: z.strictObject({
    state: z
      .string()
      .describe(
        "`connected`, or why not: then services are not known, and the rest is what was known before.",
      ),
  }),
  events: z.strictObject({ last_at: time.nullable(), messages: count }),
  paused: z.string().nullable(),
  destinations: z.array(destinationStatusSchema),
});
export type Overview = z.infer<typeof overviewSchema>;
export type DestinationStatus = z.infer<typeof destinationStatusSchema>;

const sourceVersionSchema = z.strictObject({
  version: z.int().positive(),
  created_at: z.string(),
  state: z.enum(["live", "deleted", "destroyed"]),
});

export const externalNameSchema = z.strictObject({
  name: z.string(),
  sub_key: z.string().optional(),
  state: z.string().describe("What our last write left there."),
  source_version: z.int().positive().nullable(),
  key_vault_version: z.string().nullable(),
  written_at: time.nullable(),
  open_write: z.string().nullable().describe("A write that may be under way."),
});

export const pairTraceSchema = z.strictObject({
  destination: z.string(),
  association: z.strictObject({
    state: z.string(),
    since: time,
    granularity: z.string(),
    template: z.string(),
  }),
  command: z
    .strictObject({
      op: z.enum(["sync", "unsync"]),
      reason: z.string(),
      lane: z.enum(["live", "bulk"]),
      at: time,
      sequence: count,
      expects_version: count.nullable(),
      permit: z.string().nullable().describe("Who allowed a delete; null: nobody."),
    })
    .nullable(),
  outcome: z
    .strictObject({
      kind: z.string(),
      at: time,
      since: time,
      consumed_sequence: count,
      error: z.string().nullable(),
    })
    .nullable(),
  external_names: z.array(externalNameSchema),
  sync_status: z.string(),
  reason: z.string(),
  since: time,
  next_step: z.string().describe("Empty: nothing is to be done."),
});

export const secretTraceSchema = z.strictObject({
  mount: z.string(),
  secret_name: z.string(),
  source: z
    .strictObject({
      state: z.enum(["present", "gone", "unknown"]),
      current_version: count.nullable(),
      live_version: z.int().positive().nullable().describe("The highest that can be read: what is synced."),
      versions: z.array(sourceVersionSchema),
      seen_at: time.nullable(),
      seen_via: z.string().nullable(),
      event_sequence: count.nullable(),
    })
    .describe("As the change-detector saw it last."),
  destinations: z.array(pairTraceSchema),
});
export type SecretTrace = z.infer<typeof secretTraceSchema>;
export type PairTrace = z.infer<typeof pairTraceSchema>;
