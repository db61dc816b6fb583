// Owns: pausing and resuming by the API: `sys/sync/pause` and `sys/sync/resume`, which Vault does not have. Pausing
// everything is also `disabled` of sys/sync/config: system-routes.ts.

import { pausesAnswer, readPauseFields } from "../pauses/pause-fields.ts";
import { type Answer, authoriseWrite, bodyOf, type Call } from "./call.ts";
import type { AddRead, AddWrite } from "./operation-table.ts";

const PAUSE = "/v1/sys/sync/pause";

/** Registers them. */
export function addPauseRoutes({ read, write }: { readonly read: AddRead; readonly write: AddWrite }): void {
  read(PAUSE, "read", readPauses);
  write(["PUT", "POST"], PAUSE, (call) => changePauses(call, "pause"));
  write(["PUT", "POST"], "/v1/sys/sync/resume", (call) => changePauses(call, "resume"));
}

async function readPauses(call: Call): Promise<Answer> {
  await caughtUp(call);
  const { caller, parts } = call;
  return { data: pausesAnswer(await parts.pauses.read(), caller.namespace, parts) };
}

async function changePauses(call: Call, what: "pause" | "resume"): Promise<Answer> {
  const { caller, parts, request } = call;
  await authoriseWrite(call, "create", "update");
  await caughtUp(call);
  const { scope, reason } = readPauseFields(bodyOf(request), caller.namespace, parts);
  const record = await (what === "pause" ? parts.pauses.pause(scope, reason) : parts.pauses.resume(scope));
  return { data: pausesAnswer(record, caller.namespace, parts) };
}

async function caughtUp({ parts, signal }: Call): Promise<void> {
  await parts.effective.caughtUp(signal);
}
