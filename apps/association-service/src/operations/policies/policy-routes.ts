// Owns: the path of policies: texts made for this installation's mounts and vaults.

import { z } from "zod";
import type { Answer, Call } from "../../gateway/call.ts";
import { textField, textListField } from "../../gateway/coerce.ts";
import { badRequest } from "../../gateway/refusal.ts";
import { operationsOf } from "../call-parts.ts";
import { readFields } from "../fields.ts";
import { policyText, ROLES } from "./policy-text.ts";

export const policyQuerySchema = z.object({
  mounts: textListField.optional().describe("Paths of KVv2 mounts; absent: those that are associated."),
  flavour: textField.optional().describe("`openbao` or `vault`; they refuse each other's words."),
});

export const policySchema = z.strictObject({ role: z.enum(ROLES), text: z.string() });

/** The text of a role's policy. */
export async function policy(call: Call): Promise<Answer> {
  const { role } = call.request.params as { readonly role: string };
  const known = ROLES.find((one) => one === role);
  if (known === undefined) throw badRequest(`there is no policy ${role}: there are ${ROLES.join(", ")}`);
  const { mounts, flavour = "openbao" } = readFields(policyQuerySchema, call.request.query);
  if (flavour !== "openbao" && flavour !== "vault") {
    throw badRequest(`flavour ${flavour} is not known: send openbao or vault`);
  }
  const { pairs, own, destinations } = operationsOf(call);
  await pairs.caughtUp(call.signal);
  const { namespace } = call.caller;
  const associated = [...pairs.inNamespace(namespace)].map(
    ({ association }) => association.value.secret.mount,
  );
  const vaults = destinations
    .inNamespace(namespace)
    .flatMap(({ entry }) => hostOf(entry.value.connection.keyVaultUri));
  const text = policyText({
    role: known,
    flavour,
    mounts: mounts ?? [...new Set(associated)].sort(),
    ownMount: own.mount,
    vaults: [...new Set(vaults)].sort(),
  });
  return { data: { role: known, text } };
}

function hostOf(uri: string): readonly string[] {
  return URL.canParse(uri) ? [new URL(uri).hostname] : [];
}
