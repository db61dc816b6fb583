// Owns: the path of the doctor, and the shape of its answer.

import { z } from "zod";
import type { Answer, Call } from "../../gateway/call.ts";
import { operationsOf } from "../call-parts.ts";
import { diagnose } from "./diagnose.ts";
import { gatherFacts } from "./gather-facts.ts";

export const doctorSchema = z.strictObject({
  findings: z.array(
    z.strictObject({
      id: z.string().describe("Stable: for scripts and searches."),
      part: z.enum(["services", "nats", "redis", "source", "destination", "secrets", "clocks"]),
      level: z.enum(["ok", "warning", "fault"]),
      what: z.string(),
      fix: z.string().describe("What mends it; empty for ok."),
    }),
  ),
});

/** Looks at everything. */
export async function doctor(call: Call): Promise<Answer> {
  const parts = operationsOf(call);
  const facts = await gatherFacts(parts, parts.doctorSource, call.caller.namespace, call.signal);
  return { data: { findings: diagnose(facts) } };
}
