// Owns: how many secrets of a destination have something of ours in Key Vault: what the delete budget's percentages are
// of where nobody has set the associations. What a rule made counts until it is unsynced, so that the budget does not
// shrink to nothing at the moment at which the secrets, or the rule, are gone.

import type { SyncRecord, Uid } from "@keyferry/contracts";
import type { Entry, TableView } from "../ports.ts";
import { holdsName } from "../resolve/resolve.ts";

export class HoldingPairs {
  readonly #keys = new Map<Uid, Set<string>>();

  constructor(results: Pick<TableView<SyncRecord>, "entries" | "onChange">) {
    for (const [key, entry] of results.entries()) this.#note(key, entry);
    results.onChange((key, entry) => this.#note(key, entry));
  }

  countOf(destination: Uid): number {
    return this.#keys.get(destination)?.size ?? 0;
  }

  #note(key: string, entry: Entry<SyncRecord> | undefined): void {
    const destination = key.slice(0, key.indexOf("."));
    const keys = this.#keys.get(destination) ?? new Set<string>();
    if (holdsName(entry?.value)) keys.add(key);
    else keys.delete(key);
    if (keys.size === 0) this.#keys.delete(destination);
    else this.#keys.set(destination, keys);
  }
}
