import { z } from "zod";

/**
 * The place of a command in the one total order of its (destination, secret): JetStream's stream sequence within an
 * epoch. KV versions cannot order, they go down (DESIGN section 2).
 */
export const fenceSchema = z.object({ epoch: z.int().nonnegative(), sequence: z.int().nonnegative() });
export type Fence = z.infer<typeof fenceSchema>;

/** Below every fence of a real command. */
export const NO_FENCE: Fence = { epoch: 0, sequence: 0 };

/** Negative if `a` is earlier than `b`, 0 if they are the same, positive if later. */
export function compareFences(a: Fence, b: Fence): number {
  return a.epoch === b.epoch ? a.sequence - b.sequence : a.epoch - b.epoch;
}
