// Owns: what should be in Key Vault, as a history: for each pair of secret and vault every state that was ever wished,
// in order. The judge compares with it what reached the vault.

import { createHash } from "node:crypto";

export interface WishedState {
  /** When the source (or the API) had said yes, ms. */
  readonly atMs: number;
  /** SHA-256 of what the vault should hold; undefined: nothing. */
  readonly sha: string | undefined;
  /** Whether the moment is exact: the answer came, and was not found out afterwards. */
  readonly isExact: boolean;
}

/** A secret's association with a vault. */
export class Pair {
  readonly vault: string;
  readonly name: string;
  isAssociated = false;
  readonly states: WishedState[] = [];

  constructor(vault: string, name: string) {
    this.vault = vault;
    this.name = name;
  }

  get now(): string | undefined {
    return this.states.at(-1)?.sha;
  }

  /** Notes the present wish; the same as before is none. */
  wish(sha: string | undefined, atMs: number, isExact: boolean): void {
    if (this.now === sha) return;
    this.states.push({ atMs, sha, isExact });
  }
}

/** A secret at the source. Its changes are made one after the other, so that their order is known. */
export class Story {
  readonly path: string;
  readonly pairs: readonly Pair[];
  /** SHA-256 of what a sink makes of each version, of the incarnation that lives. */
  readonly versions = new Map<number, string>();
  current = 0;
  /** Of the highest version that is neither deleted nor destroyed. */
  live: string | undefined;
  isBusy = false;

  constructor(path: string, vaults: readonly string[]) {
    this.path = path;
    this.pairs = vaults.map((vault) => new Pair(vault, path));
  }

  /** Takes what the source says of the secret after a change. */
  see(live: string | undefined, atMs: number, isExact: boolean): void {
    this.live = live;
    for (const pair of this.pairs) if (pair.isAssociated) pair.wish(live, atMs, isExact);
  }
}

/** What a sink writes for a secret of these fields under `secret-path`, as the judge knows it. */
export function shaOf(data: Readonly<Record<string, string>>): string {
  return createHash("sha256").update(JSON.stringify(data), "utf8").digest("hex");
}
