// Owns: what requests about operations may say, and the shapes of their answers. Pure.

import { z } from "zod";
import { textField } from "../../gateway/coerce.ts";
import { globField, numberField, timeField } from "../fields.ts";

const PER_SECOND_MAX = 5_000; // a look is five reads of NATS
const time = z.iso.datetime({ offset: true });
const count = z.int().nonnegative();

const selectionFields = {
  destination: textField.optional().describe("This destination alone."),
  mount: textField.optional().describe("Secrets of this mount alone."),
  path: globField.optional().describe("Globs over paths: * within a part, ** across, ? one character."),
};
const paceField = {
  per_second: numberField(1, PER_SECOND_MAX).optional().describe("Pairs looked at a second; 500 by default."),
};

export const replayFieldsSchema = z.object({
  since: timeField.optional().describe("Secrets that changed from here on. Needed."),
  until: timeField.optional(),
  ...selectionFields,
  ...paceField,
});
export const resyncFieldsSchema = z.object({ ...selectionFields, ...paceField });

export const operationSchema = z.strictObject({
  id: z.string(),
  kind: z.enum(["replay", "resync"]),
  state: z.enum(["running", "done", "failed", "cancelled"]),
  since: time.nullable(),
  until: time.nullable(),
  destination: z.string().nullable(),
  mount: z.string().nullable(),
  path: z.string().nullable(),
  progress: z.strictObject({
    total: count.describe("Pairs of secret and destination; 0 until they are counted."),
    done: count,
    ordered: count.describe("A command was published."),
    unchanged: count.describe("As it should be, or on its way already."),
    asked: count.describe("No state is known: the change-detector was asked to look."),
    failed: count.describe("Not clear at that moment; the settle loop looks again."),
  }),
  worker: z.string().nullable().describe("Which association-service works on it."),
  message: z.string(),
  created_at: time,
  updated_at: time,
});
export type OperationAnswer = z.infer<typeof operationSchema>;

export const operationListSchema = z.strictObject({
  keys: z.array(z.string()),
  operations: z.array(operationSchema),
});

export const rehearsalSchema = z.strictObject({
  pairs: count,
  counts: z.strictObject({ sync: count, unsync: count, hold: count, ask: count, nothing: count }),
  changes: z
    .array(
      z.strictObject({
        secret: z.string(),
        destination: z.string(),
        would: z.enum(["sync", "unsync", "hold", "ask"]),
        why: z.string(),
      }),
    )
    .describe("What would be ordered; the first 200."),
});
