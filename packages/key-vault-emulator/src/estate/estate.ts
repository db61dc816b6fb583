// Owns: all vaults, and the copies of them that stale reads see.
import { randomBytes } from "node:crypto";
import type { ActiveRule } from "../faults/rules.ts";
import { VAULT_NAME, vaultSettings } from "../options.ts";
import type { ResolvedOptions } from "../options.ts";
import { Vault } from "../store/vault.ts";

/** Vaults made on first use; a client that makes up more names than this has gone wrong. */
const VAULTS_MAX = 10_000;

/** The vaults of an emulator. */
export class Estate {
  readonly #options: ResolvedOptions;
  #vaults = new Map<string, Vault>();
  readonly #staleCopies = new Map<ActiveRule, ReadonlyMap<string, Vault>>();
  /** Seals backups; kept in snapshots so that a backup can be restored after a restart. */
  backupKey: Buffer = randomBytes(32);

  constructor(options: ResolvedOptions) {
    this.#options = options;
  }

  /** A vault by its name in any case; undefined where there is none. */
  vault(name: string): Vault | undefined {
    const key = name.toLowerCase();
    const known = this.#vaults.get(key);
    if (known !== undefined) return known;
    const listed = this.#options.vaults?.has(key) ?? true;
    if (!listed || !VAULT_NAME.test(key) || this.#vaults.size >= VAULTS_MAX) return undefined;
    const made = new Vault(key, vaultSettings(this.#options, key));
    this.#vaults.set(key, made);
    return made;
  }

  /** All vaults that were used, by name. */
  all(): readonly Vault[] {
    return [...this.#vaults.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Empties everything. */
  clear(): void {
    this.#vaults = new Map();
  }

  /** Keeps a copy for a rule whose reads are stale. */
  keepStale(rule: ActiveRule): void {
    if (rule.rule.fault.kind !== "stale-list") return;
    this.#staleCopies.set(rule, new Map([...this.#vaults].map(([name, vault]) => [name, vault.clone()])));
  }

  dropStale(rule: ActiveRule): void {
    this.#staleCopies.delete(rule);
  }

  /** The vault as it was when the rule was added: empty where it was not there. */
  stale(rule: ActiveRule, vault: Vault): Vault {
    return this.#staleCopies.get(rule)?.get(vault.name) ?? new Vault(vault.name, vault.settings);
  }
}
