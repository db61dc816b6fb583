// Owns: delete, recover and purge: the moves between the states of soft deletion.
import { assertNever } from "../assert-never.ts";
import { bundleJson, deletedBundleJson } from "../wire/bundles.ts";
import { conflict, deletedSecretNotFound, forbidden, secretNotFound } from "../wire/refusal.ts";
import { startDelete, startPurge, startRecover } from "../soft-delete/lifecycle.ts";
import { latestOf } from "../store/secret.ts";
import { done } from "./call.ts";
import type { Answer, Call } from "./call.ts";
import { beingDeleted, beingRecovered, refuseWrite } from "./write.ts";

/** DELETE /secrets/{name}: all versions together, at once hidden, only later shown as deleted. */
export function deleteSecret(call: Call): Answer {
  const found = call.vault.find(call.name, call.nowMs);
  if (found === undefined || found.phase === "deleted" || found.phase === "purging")
    return secretNotFound(call.name);
  const blocked = refuseWrite(call, found);
  if (blocked !== undefined) return blocked;
  const lifecycle = startDelete(call.delays, call.vault.settings.retentionDays, call.nowMs);
  const record = { ...found.record, lifecycle };
  call.vault.store(record);
  return done(deletedBundleJson(call, record), {
    kind: "delete",
    name: record.name,
    version: latestOf(record),
  });
}

/** POST /deletedsecrets/{name}/recover: brings back every version with its value and tags. */
export function recoverSecret(call: Call): Answer {
  const found = call.vault.find(call.name, call.nowMs);
  if (found === undefined) return deletedSecretNotFound(call.name);
  switch (found.phase) {
    case "deleting":
      return beingDeleted(call.name);
    case "recovering":
    case "readable":
      // Two recovers at once: the service answers a conflict without an inner code (reference: net #38464).
      return conflict("There was a conflict while recovering the secret; recover in a sequential manner.");
    case "deleted": {
      const record = { ...found.record, lifecycle: startRecover(call.delays, call.nowMs) };
      const version = latestOf(record);
      call.vault.store(record);
      return done(bundleJson(call, record, version, false), { kind: "recover", name: record.name, version });
    }
    case "active":
    case "purging":
    case "gone":
      return deletedSecretNotFound(call.name);
    default:
      return assertNever(found.phase);
  }
}

/** DELETE /deletedsecrets/{name}: 204 at once; the name is free only after a while, and nothing shows that. */
export function purgeSecret(call: Call): Answer {
  const found = call.vault.find(call.name, call.nowMs);
  if (found === undefined) return deletedSecretNotFound(call.name);
  switch (found.phase) {
    case "deleting":
      // Purge too early has no inner code (reference: terraform-provider-azurerm #10454).
      return conflict("Secret is currently being deleted.");
    case "recovering":
    case "readable":
      return beingRecovered(call.name);
    case "deleted": {
      if (call.vault.settings.purgeProtection) {
        return forbidden(
          'Operation "purge" is not allowed because purge protection is enabled for this vault.',
        );
      }
      const record = { ...found.record, lifecycle: startPurge(call.delays, call.nowMs) };
      call.vault.store(record);
      const effect = { kind: "purge" as const, name: record.name, version: latestOf(record) };
      return { kind: "done", status: 204, json: undefined, effect };
    }
    case "active":
    case "purging":
    case "gone":
      return deletedSecretNotFound(call.name);
    default:
      return assertNever(found.phase);
  }
}
