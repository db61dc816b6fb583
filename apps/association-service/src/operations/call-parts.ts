// Owns: what every request of operating begins with.

import { authoriseWrite, bodyOf, type Call } from "../gateway/call.ts";
import type { OperationsParts } from "./parts.ts";

/** The parts, which are there once NATS has answered. */
export function operationsOf({ parts }: Call): OperationsParts {
  return parts.operations;
}

/** A write's right and its body. @throws Refusal 403, 400 */
export async function authorisedBody(call: Call): Promise<Readonly<Record<string, unknown>>> {
  await authoriseWrite(call, "create", "update");
  return bodyOf(call.request);
}
