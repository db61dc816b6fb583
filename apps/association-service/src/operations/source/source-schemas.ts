// Owns: what requests about the source may say, and the shapes of their answers. Pure.

import { z } from "zod";
import { textField } from "../../gateway/coerce.ts";

const time = z.iso.datetime({ offset: true });
const changeSchema = z.strictObject({ kind: z.enum(["cluster", "mount"]), from: z.string(), to: z.string() });

export const sourceReportAnswerSchema = z.strictObject({
  source: z.string(),
  at: time.nullable().describe("When the change-detector last said so; null: never."),
  held: z
    .array(
      z.strictObject({ mount: z.string(), why: z.string(), since: time, change: changeSchema.nullable() }),
    )
    .describe("Mounts of which nothing is published, and why."),
  moved: z.array(z.strictObject({ from: z.string(), to: z.string() })),
});

export const confirmFieldsSchema = z.object({
  to: textField.optional().describe("The cluster id or accessor that answers now, as the report has it."),
  mount: textField.optional().describe("Confirms what stands at this mount's path; absent: the cluster."),
  reason: textField.optional(),
});

export const confirmedSchema = z.strictObject({
  kind: z.enum(["cluster", "mount"]),
  mount: z.string().nullable(),
  from: z.string().nullable(),
  to: z.string(),
  at: time,
  changed: z.boolean().describe("False: it was confirmed before."),
});

export const hintFieldsSchema = z.object({
  mount: textField.optional(),
  secret_name: textField.optional().describe("Absent: the whole mount is looked at."),
});
export const hintedSchema = z.strictObject({ mount: z.string(), secret_name: z.string().nullable() });
