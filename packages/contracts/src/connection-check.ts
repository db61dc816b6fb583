import { z } from "zod";
import { connectionSchema } from "./destination.ts";

// The question of the association-service whether a destination's connection works, which a sink answers: from where it
// will be written to, with the identity that will write. On core NATS, gone when it is answered; no secret is in it.

export const connectionCheckRequestSchema = z.object({
  major: z.literal(1),
  /** For messages. */
  destination: z.string(),
  connection: connectionSchema,
  /** Write and remove a probe secret: only then it is known whether the identity may. */
  write: z.boolean(),
  /** How long the answer is waited for, ms. */
  waitMs: z.int().positive(),
});
export type ConnectionCheckRequest = z.infer<typeof connectionCheckRequestSchema>;

export const checkFindingSchema = z.object({
  check: z.enum([
    "sink",
    "credential",
    "dns",
    "tls",
    "tenant",
    "token",
    "list",
    "list-deleted",
    "set",
    "update",
    "delete",
    "recover",
    "soft-delete",
    "purge-protection",
  ]),
  ok: z.boolean(),
  /** What was seen. */
  detail: z.string(),
  /** What to do; absent: nothing. */
  advice: z.string().optional(),
  /** Not ok, and nothing but a change of the destination will mend it. */
  isCertain: z.boolean(),
});
export type CheckFinding = z.infer<typeof checkFindingSchema>;

export const connectionCheckReplySchema = z.object({
  major: z.literal(1),
  findings: z.array(checkFindingSchema).max(50),
});
export type ConnectionCheckReply = z.infer<typeof connectionCheckReplySchema>;
