import { z } from "zod";
import { syncSpecSchema, uidSchema } from "./destination.ts";
import { secretKeySchema, secretRefSchema } from "./secret-ref.ts";

/** KV bucket `associations`, key `<destination uid>.<k>`: a secret × destination. */
export const associationRecordSchema = z.object({
  major: z.literal(1),
  uid: uidSchema,
  /**
   * `removed` is a tombstone: it stays until the unsync's outcome is in (hazard remove-then-destroy). `excluded`: a
   * person removed what a rule makes; it is there until a person sets it again (hazard rule-makes-it-again). `moved`:
   * on its way to another `<k>`, as another mount has taken its mount's place; nothing is ordered meanwhile (O20).
   */
  state: z.enum(["active", "removed", "excluded", "moved"]),
  /** Of the one that is left behind: where it goes. */
  movedTo: z.object({ accessor: z.string().min(1), secretKey: secretKeySchema }).optional(),
  destination: uidSchema,
  secretKey: secretKeySchema,
  secret: secretRefSchema,
  spec: syncSpecSchema,
  createdAt: z.string(),
  updatedAt: z.string(),
});
export type AssociationRecord = z.infer<typeof associationRecordSchema>;
