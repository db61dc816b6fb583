// Owns: what requests for a plan may say, and the shape of the answer. Pure.

import { z } from "zod";
import { destinationFieldsSchema } from "../../destinations/destination-fields.ts";
import { textField, textListField, textMapField } from "../../gateway/coerce.ts";
import { globField } from "../fields.ts";

const count = z.int().nonnegative();
const kinds = ["create", "update", "patch", "rename", "delete", "refuse", "unknown", "none"] as const;

export const planDestinationSchema = destinationFieldsSchema.extend({
  mount: textField.optional().describe("As if every known secret of this mount were associated."),
  path: globField.optional().describe("Of these, the ones whose path matches."),
});

export const planRuleSchema = z.object({
  destination: textField.optional().describe("The rule's destination. Needed."),
  mounts: textListField.optional().describe("Globs over mounts. Needed."),
  paths: textListField.optional().describe("Globs over paths; absent: every path."),
  custom_metadata: textMapField.optional().describe("Globs over the secrets' own custom metadata."),
});

export const planSchema = z.strictObject({
  counts: z.strictObject({
    create: count,
    update: count,
    patch: count,
    rename: count,
    delete: count,
    refuse: count,
    unknown: count,
    none: count,
  }),
  calls: z.strictObject({ creates: count, others: count }),
  seconds: count.describe("At Azure's limits, with nothing else under way."),
  actions: z
    .array(
      z.strictObject({
        kind: z.enum(kinds),
        secret: z.string(),
        name: z.string().nullable(),
        why: z.string(),
      }),
    )
    .describe("All but `none`; the first 500."),
  notes: z.array(z.string()),
});
