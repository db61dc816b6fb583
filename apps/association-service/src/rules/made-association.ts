// Owns: the association that a rule makes, as if somebody had set it. Pure; it is stored nowhere, so everything in it
// follows from the pair and the rule: above all its uid, by which Key Vault's owner tags know it.

import type { AssociationRecord, RuleRecord, SecretKey, SecretRef, SyncSpec } from "@keyferry/contracts";
import { associationUidOf } from "@keyferry/naming";

/** The association of a secret with the rule's destination. */
export function madeAssociation(
  rule: RuleRecord,
  { secretKey, secret }: { readonly secretKey: SecretKey; readonly secret: SecretRef },
): AssociationRecord {
  return {
    major: 1,
    uid: associationUidOf(rule.destination, secretKey),
    state: "active",
    destination: rule.destination,
    secretKey,
    secret,
    spec: madeSpec(rule.spec),
    createdAt: rule.createdAt,
    updatedAt: rule.updatedAt,
  };
}

/** The rule's spec, marked: no person chose these names (O19). */
export function madeSpec(spec: SyncSpec): SyncSpec {
  return { ...spec, byRule: true };
}
