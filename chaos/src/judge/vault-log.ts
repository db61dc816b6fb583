// Owns: reading off the emulator what was asked and what came of it.

import type { KeyVaultProcess } from "@keyferry/testkit";

export interface SeenRequest {
  readonly seq: number;
  readonly atMs: number;
  readonly vault: string;
  readonly operation: string;
  readonly name: string;
  readonly principal?: string;
  readonly hadToken: boolean;
  readonly status: number;
  readonly faults: readonly string[];
}

export interface SeenEffect {
  readonly seq: number;
  readonly requestSeq: number;
  readonly wallMs: number;
  readonly vault: string;
  readonly kind: string;
  readonly name: string;
  readonly valueSha256: string;
}

export interface VaultLog {
  readonly requests: readonly SeenRequest[];
  readonly effects: readonly SeenEffect[];
  /** Records that the emulator had no room for: then nothing can be judged. */
  readonly dropped: number;
}

/** All of both logs, page by page. */
export async function readLog(keyVault: KeyVaultProcess): Promise<VaultLog> {
  const requests: SeenRequest[] = [];
  const effects: SeenEffect[] = [];
  for (;;) {
    const after = `requestsAfter=${requests.at(-1)?.seq ?? 0}&effectsAfter=${effects.at(-1)?.seq ?? 0}`;
    const page = (await keyVault.control("GET", `log?${after}`)) as VaultLog & {
      counters: { dropped: number };
    };
    requests.push(...page.requests);
    effects.push(...page.effects);
    if (page.requests.length === 0 && page.effects.length === 0) {
      return { requests, effects, dropped: page.counters.dropped };
    }
  }
}

export interface HeldSecret {
  readonly name: string;
  readonly phase: string;
  readonly value?: string;
}

/** What lies active in a vault now, by name. */
export async function readVault(
  keyVault: KeyVaultProcess,
  vault: string,
): Promise<ReadonlyMap<string, HeldSecret>> {
  const { vaults } = (await keyVault.control("GET", `secrets?vault=${vault}&reveal=true`)) as {
    vaults: Record<string, readonly HeldSecret[]>;
  };
  const active = (vaults[vault] ?? []).filter(({ phase }) => phase === "active");
  return new Map(active.map((secret) => [secret.name, secret]));
}
