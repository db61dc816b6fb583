// Owns: the shapes of the answers about drift. Pure.

import { driftFindingSchema } from "@keyferry/contracts";
import { z } from "zod";
import { flagField } from "../../gateway/coerce.ts";

const time = z.iso.datetime({ offset: true });
const count = z.int().nonnegative();

export const driftRepairFieldsSchema = z.object({
  even_if_many: flagField
    .optional()
    .describe("A person has looked: what differs is repaired also if it is more than 5 % of the vault."),
});

export const driftRequestedSchema = z.strictObject({
  destination: z.string(),
  mode: z.enum(["check", "repair"]),
  requested_at: time.describe("The report that answers has the same."),
});

export const driftReportAnswerSchema = z.strictObject({
  destination: z.string(),
  requested_at: time.nullable(),
  started_at: time,
  finished_at: time,
  mode: z.enum(["check", "repair"]),
  listed: count.describe("Secrets that the vault has."),
  owned: count.describe("Names that are on record as ours, whether they are there or not."),
  counts: z.record(z.string(), count),
  findings: z.array(
    z.strictObject({
      name: z.string(),
      kind: driftFindingSchema.shape.kind,
      secret: z.string().nullable(),
      action: driftFindingSchema.shape.action,
      detail: z.string(),
    }),
  ),
  only_reported: z.string().nullable().describe("Why nothing was repaired although it was asked for."),
  failure: z.string().nullable(),
});
