// Owns: how a step of the connection check is told, and which data action a refused one lacks. Pure.
import type { CheckFinding } from "@keyferry/contracts";
import type { KeyferryError } from "@keyferry/errors";

type Check = CheckFinding["check"];

export function good(check: Check, detail: string): CheckFinding {
  return { check, ok: true, detail, isCertain: false };
}

/** `isCertain`: nothing but a change of the destination will mend it. */
export function bad(check: Check, detail: string, advice: string, isCertain: boolean): CheckFinding {
  return { check, ok: false, detail, advice, isCertain };
}

// reference: provider operations of Microsoft.KeyVault; a PATCH is an action of its own.
const ACTIONS: Partial<Readonly<Record<Check, string>>> = {
  list: "readMetadata/action",
  "list-deleted": "readMetadata/action",
  set: "setSecret/action",
  update: "update/action",
  delete: "delete",
  recover: "recover/action",
};

/** A call that failed. A 403 says what is missing: the firewall's leave, or a data action. */
export function deniedFinding(check: Check, error: KeyferryError): CheckFinding {
  const { innerCode } = error.details;
  if (error.code !== "vault-denied") return bad(check, error.message, error.advice, false);
  if (innerCode === "ForbiddenByFirewall" || innerCode === "ForbiddenByConnection") {
    const advice = "Allow the sink's address in the vault's network settings, or use a private endpoint.";
    return bad(check, `${error.message}: the vault's own firewall refuses`, advice, false);
  }
  const action = `Microsoft.KeyVault/vaults/secrets/${ACTIONS[check] ?? "*"}`;
  return bad(
    check,
    `${error.message}: the identity lacks ${action}`,
    `Give it a role with ${action} on this vault, as "Key Vault Secrets Officer" has it; docs/security.md has a smaller one. A new role can take ten minutes.`,
    false,
  );
}
