import { z } from "zod";
import { syncSpecSchema, uidSchema } from "./destination.ts";

/**
 * KV bucket `rules`, key `<rule uid>`, which is derived from destination and name, so that a name is unique: makes and removes associations as secrets come and go. Evaluated against each
 * secret's last state, never materialised (DESIGN section 6).
 */
export const ruleRecordSchema = z.object({
  major: z.literal(1),
  uid: uidSchema,
  /** Of the secrets and of the destination. */
  namespace: z.string(),
  name: z.string().min(1),
  destination: uidSchema,
  /** `removed` is a tombstone: it stays until a resolver has looked at everything that it made. */
  state: z.enum(["active", "removed"]),
  match: z.object({
    /** Globs over the mount's path; at least one. `*` crosses slashes, as it does in the detector's configuration. */
    mounts: z.array(z.string().min(1)).min(1),
    /** Globs over the secret's path; `**` crosses slashes. Empty: every path. */
    paths: z.array(z.string().min(1)),
    /** All must be there: key → glob over its value. Lets a secret opt in by its own metadata. */
    customMetadata: z.record(z.string(), z.string()),
  }),
  /** Pinned when the rule was written, as an association's is at set. */
  spec: syncSpecSchema,
  createdAt: z.string(),
  updatedAt: z.string(),
});
export type RuleRecord = z.infer<typeof ruleRecordSchema>;
