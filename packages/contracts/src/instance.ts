import { z } from "zod";

/** KV bucket `config`, key `instance`: made once, never changed. */
export const instanceRecordSchema = z.object({
  major: z.literal(1),
  instanceId: z.string().regex(/^[a-z2-7]{13}$/),
  /** Key of `<k>`, base64. It hides paths in subjects; whoever may read this bucket may read the paths themselves. */
  secretKeyKey: z.string(),
  createdAt: z.string(),
});
export type InstanceRecord = z.infer<typeof instanceRecordSchema>;

/** KV bucket `config`, key `epoch`: goes up when a stream was made anew or lost its tail (O3). */
export const epochRecordSchema = z.object({
  major: z.literal(1),
  epoch: z.int().nonnegative(),
  streams: z.record(z.string(), z.object({ created: z.string(), lastSequence: z.int().nonnegative() })),
});
export type EpochRecord = z.infer<typeof epochRecordSchema>;

/** KV bucket `config`, key `budget.<destination uid>`: source-driven deletes that were permitted, by minute. */
export const deleteBudgetSchema = z.object({
  major: z.literal(1),
  /** One entry per permitted (association, state); kept for a day. */
  spent: z.array(z.object({ at: z.number(), association: z.string(), fingerprint: z.string() })),
});
export type DeleteBudget = z.infer<typeof deleteBudgetSchema>;

/** SYNC_DLQ: what needs a person. */
export const deadLetterSchema = z.object({
  major: z.literal(1),
  service: z.string(),
  subject: z.string(),
  sequence: z.int(),
  reason: z.string(),
  error: z.unknown(),
  at: z.string(),
});
export type DeadLetter = z.infer<typeof deadLetterSchema>;
