// Owns: which destination a path names, and what a name may be. Pure.

import type { FastifyRequest } from "fastify";
import type { DestinationIdentity } from "../destinations/destination-key.ts";
import type { Call } from "./call.ts";
import { badRequest, Refusal } from "./refusal.ts";

const TYPE = "azure-kv";
// Vault's framework: letters, digits, `_`, with `-` and `.` inside.
const NAME = /^\w(?:[\w.-]*\w)?$/;
const NAME_CHARACTERS_MAX = 128;

/** The destination that a path names by `:type` and `:name`, or `:destination`. @throws Refusal 400; `otherTypes` */
export function identityOf({ caller, request }: Call, otherTypes: 400 | 404): DestinationIdentity {
  refuseOtherTypes(request, otherTypes);
  const { name, destination } = request.params as { name?: string; destination?: string };
  return { namespace: caller.namespace, type: TYPE, name: requireName("name", name ?? destination ?? "") };
}

/** A name as Vault's framework takes it. @throws Refusal 400 */
export function requireName(what: string, name: string): string {
  if (NAME.test(name) && name.length <= NAME_CHARACTERS_MAX) return name;
  throw badRequest(
    `${what}: use 1 to ${NAME_CHARACTERS_MAX} letters, digits and '_', with '-' and '.' inside: not as the first or last character`,
  );
}

/** @throws Refusal with `status` for a destination type that this server does not have */
export function refuseOtherTypes(request: FastifyRequest, status: 400 | 404): void {
  const { type = "" } = request.params as { type?: string };
  if (type === TYPE) return;
  throw new Refusal(status, [`destination type is not supported: this server syncs to ${TYPE} only`]);
}
