// Owns: the paths of the doctor, and the shape of its answer.

import { z } from "zod";
import type { Answer, Call } from "../../gateway/call.ts";
import { flagField } from "../../gateway/coerce.ts";
import type { AddRead, AddWrite } from "../../gateway/operation-table.ts";
import { authorisedBody, operationsOf } from "../call-parts.ts";
import { readFields } from "../fields.ts";
import { diagnose } from "./diagnose.ts";
import { gatherFacts } from "./gather-facts.ts";

const DOCTOR = "/v1/sys/sync/doctor";

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

export const doctorFieldsSchema = z.object({
  probe: flagField
    .optional()
    .describe(
      "Also write and remove a secret keyferry-probe-… in each vault: it proves each right to write.",
    ),
});

/** Registers its paths: a look that changes nothing, and one that may write a probe. */
export function addDoctorRoutes({ read, write }: { readonly read: AddRead; readonly write: AddWrite }): void {
  read(DOCTOR, "read", (call) => doctor(call, false));
  write(["PUT", "POST"], DOCTOR, async (call) => {
    const { probe } = readFields(doctorFieldsSchema, await authorisedBody(call));
    return doctor(call, probe === true);
  });
}

async function doctor(call: Call, probe: boolean): Promise<Answer> {
  const parts = operationsOf(call);
  const { namespace } = call.caller;
  const facts = await gatherFacts(parts, parts.doctorSource, { namespace, probe }, call.signal);
  return { data: { findings: diagnose(facts) } };
}
