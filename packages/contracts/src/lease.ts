import { z } from "zod";

/** KV bucket `leases`: who of several processes works. Its holder writes it again and again; nobody compares clocks. */
export const leaseRecordSchema = z.object({
  major: z.literal(1),
  /** Of one process's life; a restarted process is another holder. */
  holder: z.string().min(1),
  /** Goes up with each write of the holder. */
  counter: z.int().nonnegative(),
  /** The holder has ended its work: whoever reads this may take over at once. */
  released: z.boolean(),
});
export type LeaseRecord = z.infer<typeof leaseRecordSchema>;
