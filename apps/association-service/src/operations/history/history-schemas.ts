// Owns: the shapes of history's answers. Pure. Strict: a field that is not named here is a defect.

import { z } from "zod";

const time = z.iso.datetime({ offset: true });

export const historyEntrySchema = z.strictObject({
  at: time,
  kind: z
    .enum(["source", "outcome"])
    .describe("A change that was seen at the source, or how a command ended."),
  secret: z.string().describe("`mount/path`."),
  destination: z.string().nullable().describe("Of an outcome; its uid if it has no name any more."),
  what: z.string().describe("The change's labels, or the outcome's kind."),
  version: z.int().nonnegative().nullable(),
  via: z.string().nullable().describe("What made the detector look; null for outcomes."),
  wrote: z.boolean().nullable().describe("Whether Key Vault was written to."),
  latency_ms: z
    .int()
    .nonnegative()
    .nullable()
    .describe("From the version's creation at the source to the outcome."),
  error: z.string().nullable(),
  trace_id: z.string().nullable(),
  sequence: z.int().nonnegative().describe("In KV2_EVENTS or SYNC_RESULTS."),
});
export type HistoryEntry = z.infer<typeof historyEntrySchema>;

export const historySchema = z.strictObject({
  entries: z.array(historyEntrySchema).describe("Oldest first."),
  complete: z.boolean().describe("False: there was more; the newest are shown."),
});

export const feedSchema = z.strictObject({
  entries: z.array(historyEntrySchema),
  cursor: z.string().describe("Send it as `after` to get what comes next."),
});
