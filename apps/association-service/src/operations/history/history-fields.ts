// Owns: what requests of history may say. Pure.

import { z } from "zod";
import { textField } from "../../gateway/coerce.ts";
import { numberField, timeField } from "../fields.ts";
import type { FeedPlace } from "./history.ts";

const LIMIT_MAX = 1_000; // entries of one answer: 300 KB
const WAIT_S_MAX = 10; // below the time that a request may take

const filterFields = {
  mount: textField.optional().describe("With secret_name: of this secret alone."),
  secret_name: textField.optional(),
  destination: textField.optional().describe("Outcomes of this destination alone."),
};

export const historyQuerySchema = z.object({
  ...filterFields,
  since: timeField.optional().describe("ISO 8601; by default a day ago, and for one secret its beginning."),
  until: timeField.optional(),
  limit: numberField(1, LIMIT_MAX).optional().describe("The newest so many; 50 by default."),
});

const placeField = textField.transform((raw, context): FeedPlace => {
  const [, events, results] = /^(\d{1,16})\.(\d{1,16})$/.exec(raw) ?? [];
  if (events !== undefined && results !== undefined)
    return { events: Number(events), results: Number(results) };
  const message = `'${raw}' is not a cursor: send the one of the last answer, or none`;
  context.issues.push({ code: "custom", message, input: undefined });
  return z.NEVER;
});

export const feedQuerySchema = z.object({
  ...filterFields,
  after: placeField.optional().describe("The cursor of the last answer; absent: from now on."),
  wait_s: numberField(0, WAIT_S_MAX)
    .optional()
    .describe("How long to wait for something to happen; 8 by default."),
});
