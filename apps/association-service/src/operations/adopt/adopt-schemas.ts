// Owns: what requests for an adoption may say, and the shapes of the answers. Pure.

import { z } from "zod";
import { flagField, textField, textListField } from "../../gateway/coerce.ts";

const count = z.int().nonnegative();

const secretsField = textListField
  .optional()
  .describe("mount/path of these secrets alone; absent: every one that is refused for this reason.");
const compareField = flagField
  .optional()
  .describe("A sink compares the values there with the source's and says whether they are the same.");

export const adoptPlanFieldsSchema = z.object({ secrets: secretsField, compare: compareField });

export const adoptFieldsSchema = adoptPlanFieldsSchema.extend({
  digest: textField
    .optional()
    .describe("Of the plan that was looked at: exactly that is taken over. Needed."),
});

export const adoptPlanSchema = z.strictObject({
  destination: z.string(),
  looked: z.boolean().describe("False: no sink looked, and `would` is unknown."),
  digest: z.string().describe("Names this very set; an order sends it back."),
  total: count.describe("Secrets that are refused as a name is somebody else's."),
  rows: z
    .array(
      z.strictObject({
        secret: z.string(),
        name: z.string().nullable(),
        would: z.enum(["mark", "write", "recover", "none", "refuse", "unknown"]),
        why: z.string(),
        there: z.enum(["absent", "present", "deleted"]).nullable(),
        whose: z.string().nullable(),
        created_at: z.iso.datetime({ offset: true }).nullable().describe("Of the newest version there."),
        enabled: z.boolean().nullable(),
        content_type: z.string().nullable(),
        tags: z.array(z.string()).describe("Names of the tags there."),
        value: z
          .enum(["same", "different", "unknown"])
          .nullable()
          .describe("Compared with the source's; null: not compared."),
      }),
    )
    .describe("Names of the first 200 secrets."),
  notes: z.array(z.string()),
});

export const adoptedSchema = z.strictObject({
  destination: z.string(),
  digest: z.string(),
  ordered: z
    .array(z.string())
    .describe("mount/path of each secret that was ordered with leave to take over."),
  skipped: z.array(z.string()).describe("What changed meanwhile, and is resolved by its own state."),
});
