// Owns: the shapes of the answers about dead letters. Pure.

import { z } from "zod";

const time = z.iso.datetime({ offset: true });

export const letterSchema = z.strictObject({
  sequence: z.int().positive().describe("Its number: by it a letter is shown, retried and dropped."),
  at: time,
  service: z.string(),
  reason: z.string().describe("An error code of docs/reference/errors.md, or why a message can't be read."),
  message: z.string(),
  advice: z.string(),
  destination: z.string().nullable(),
  secret: z.string().nullable().describe("`mount/path`; null where it is not known any more."),
  subject: z.string(),
  retryable: z.boolean(),
});
export type LetterAnswer = z.infer<typeof letterSchema>;

export const letterListSchema = z.strictObject({
  keys: z.array(z.string()).describe("Sequences, oldest first."),
  letters: z.array(letterSchema),
});

export const retriedSchema = z.strictObject({
  sequence: z.int().positive(),
  ordered: z
    .boolean()
    .describe("False: what is wished has a command on its way already, or is not wished any more."),
});
