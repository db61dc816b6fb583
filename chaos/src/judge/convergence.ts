// Owns: whether the vaults hold what is wished, and whether the API says so.

import { createHash } from "node:crypto";
import type { KeyVaultProcess, VaultApi } from "@keyferry/testkit";
import type { Pair } from "../load/story.ts";
import { readVault } from "./vault-log.ts";

export interface Difference {
  readonly vault: string;
  readonly name: string;
  readonly is: "missing" | "other" | "left";
}

/** What the vaults hold against what is wished last. */
export async function differences(
  keyVault: KeyVaultProcess,
  pairs: readonly Pair[],
  strangers: ReadonlySet<string>,
): Promise<readonly Difference[]> {
  const found: Difference[] = [];
  for (const vault of new Set(pairs.map((pair) => pair.vault))) {
    const held = await readVault(keyVault, vault);
    const wished = new Map(pairs.filter((pair) => pair.vault === vault).map((pair) => [pair.name, pair.now]));
    for (const [name, sha] of wished) {
      const value = held.get(name)?.value;
      if (strangers.has(name) || sha === (value === undefined ? undefined : digest(value))) continue;
      found.push({ vault, name, is: sha === undefined ? "left" : value === undefined ? "missing" : "other" });
    }
    for (const name of held.keys())
      if (!wished.has(name) && !strangers.has(name)) found.push({ vault, name, is: "left" });
  }
  return found;
}

/** Associations whose state in the API is not what it should be by now: `NAME STATUS`. */
export async function wrongStatuses(
  apis: readonly VaultApi[],
  pairs: readonly Pair[],
  strangers: ReadonlySet<string>,
): Promise<readonly string[]> {
  const wrong: string[] = [];
  for (const vault of new Set(pairs.map((pair) => pair.vault))) {
    const path = `sys/sync/destinations/azure-kv/${vault}/associations`;
    const data = await apis[0]?.expect("GET", path);
    const rows = Object.values((data?.["associated_secrets"] ?? {}) as Record<string, Row>);
    const byName = new Map(rows.map((row) => [row.secret_name, row.sync_status]));
    for (const pair of pairs.filter((one) => one.vault === vault)) {
      const status = byName.get(pair.name) ?? "none";
      const isRight = strangers.has(pair.name)
        ? status === "CLIENT_SIDE_ERROR" || status === "INTERNAL_ERROR" || status === "PENDING"
        : pair.isAssociated
          ? status === (pair.now === undefined ? "UNSYNCED" : "SYNCED")
          : status === "none";
      if (!isRight) wrong.push(`${vault}/${pair.name} ${status}`);
    }
  }
  return wrong;
}

interface Row {
  readonly secret_name: string;
  readonly sync_status: string;
}

export function digest(value: string): string {
  return createHash("sha256").update(value, "utf8").digest("hex");
}
