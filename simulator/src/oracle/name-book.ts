// Owns: for each name in a vault what was done to it, and whether that can be explained: P2 (never backwards) and P4
// (one version per change of the wish). The rule of P2 is generous and sound: an effect is fine if there is a moment of
// the source, not earlier than that of the effect before, at which it was wished.
import type { VaultEffect } from "../servers/key-vault.ts";
import { writeOf } from "./canary.ts";
import type { NameGiver, Wishes } from "./wishes.ts";

interface Page {
  /** By `accessor path`: the earliest moment that the last effect can stem from. */
  readonly lowest: Map<string, number>;
  readonly puts: Map<number, number>;
  /** Versions more than wishes that P4's edges allow. */
  allowed: number;
  wasOurs: boolean;
  /** The last effect was somebody else's. */
  isForeignLast: boolean;
  lastPutAt: number;
}

export type DeleteCause =
  | { readonly kind: "person" }
  | { readonly kind: "source" }
  | { readonly kind: "breach"; readonly text: string };

export class NameBook {
  readonly #pages = new Map<string, Page>();
  readonly #wishes: Wishes;

  constructor(wishes: Wishes) {
    this.#wishes = wishes;
  }

  get ids(): string[] {
    return [...this.#pages.keys()];
  }

  wasOurs(id: string): boolean {
    return this.#pages.get(id)?.wasOurs ?? false;
  }

  isForeignLast(id: string): boolean {
    return this.#pages.get(id)?.isForeignLast ?? false;
  }

  foreign(id: string, _effect: VaultEffect): void {
    const page = this.#page(id);
    page.isForeignLast = true;
    page.allowed += 1;
  }

  /** A write that landed late: what it left is repaired by another version. */
  late(id: string): void {
    this.#page(id).allowed += 2;
  }

  /** Something was lost that P4 depends on. */
  allowOneMoreEach(): void {
    for (const page of this.#pages.values()) page.allowed += 1;
  }

  put(id: string, effect: VaultEffect, now: number): { promise: "P2" | "P4"; text: string } | undefined {
    const page = this.#page(id);
    page.wasOurs = true;
    page.isForeignLast = false;
    page.lastPutAt = now;
    const write = effect.version === undefined ? undefined : writeOf(effect.version.value);
    const givers = this.#giversOf(id);
    if (write === undefined || givers.length === 0) {
      return { promise: "P2", text: `put of ${id} that nobody ever wished` };
    }
    const found = this.#explainPut(page, givers, write);
    if (found !== undefined) return { promise: "P2", text: `${id}: ${found}` };
    const count = (page.puts.get(write) ?? 0) + 1;
    page.puts.set(write, count);
    const runs = Math.max(1, this.#runsOf(givers, write, now));
    if (count > runs + page.allowed) {
      return { promise: "P4", text: `${id}: write ${write} was put ${count} times, wished ${runs} times` };
    }
    return undefined;
  }

  deleted(id: string, _effect: VaultEffect, now: number): DeleteCause {
    const page = this.#page(id);
    const givers = this.#giversOf(id);
    page.isForeignLast = false;
    // Is there a moment since the last put's at which nobody wished the name?
    const byPerson = givers.every(({ from, to }) => to <= now || from > now);
    if (byPerson) return { kind: "person" };
    let cause: DeleteCause | undefined;
    for (const { giver, from, to } of givers) {
      if (to <= now) continue;
      const key = `${giver.accessor} ${giver.path}`;
      const lowest = page.lowest.get(key) ?? 0;
      const moments = this.#wishes.momentsOf(giver.accessor, giver.path);
      const gone = moments.findIndex(
        ({ at, secret }, index) =>
          index >= lowest && this.#wishes.writeAt(secret, at, giver.subKey) === undefined,
      );
      // It was set a moment ago over an older removal whose delete was still under way.
      const wasRemoved = givers.some((other) => other.to <= now && other.to >= page.lastPutAt - 1_000);
      if (gone >= 0) {
        page.lowest.set(key, gone);
        cause ??= { kind: "source" };
      } else if (wasRemoved || from >= page.lastPutAt) {
        cause ??= { kind: "person" };
      } else if (moments.length > 0) {
        return {
          kind: "breach",
          text: `delete of ${id} though ${giver.path} was wished all the time since its last put`,
        };
      }
    }
    return cause ?? { kind: "person" };
  }

  #explainPut(page: Page, givers: ReturnType<Wishes["giversOf"]>, write: number): string | undefined {
    let why: string | undefined;
    for (const giver of uniqueGivers(givers.map((one) => one.giver))) {
      const key = `${giver.accessor} ${giver.path}`;
      const lowest = page.lowest.get(key) ?? 0;
      const moments = this.#wishes.momentsOf(giver.accessor, giver.path);
      const isWished = (index: number): boolean => {
        const moment = moments[index];
        return moment !== undefined && this.#wishes.writeAt(moment.secret, moment.at, giver.subKey) === write;
      };
      for (let index = lowest; index < moments.length; index += 1) {
        if (!isWished(index)) continue;
        page.lowest.set(key, index);
        return undefined;
      }
      if (moments.some((_, index) => isWished(index))) {
        why = `write ${write} of ${giver.path} was put after something that the source showed later`;
      }
    }
    return why ?? `write ${write} was never wished under this name`;
  }

  // How often the name came to wish this write anew.
  #runsOf(givers: ReturnType<Wishes["giversOf"]>, write: number, now: number): number {
    let runs = 0;
    for (const { giver, from, to } of givers) {
      const moments = this.#wishes.momentsOf(giver.accessor, giver.path);
      let isRun = false;
      for (const [index, { at, secret }] of moments.entries()) {
        const next = moments[index + 1]?.at ?? now;
        const overlaps = next >= from && at <= to;
        const isWished = overlaps && this.#wishes.writeAt(secret, at, giver.subKey) === write;
        if (isWished && !isRun) runs += 1;
        isRun = isWished;
      }
    }
    return runs;
  }

  #giversOf(id: string): ReturnType<Wishes["giversOf"]> {
    const slash = id.indexOf("/");
    return this.#wishes.giversOf(id.slice(0, slash), id.slice(slash + 1));
  }

  #page(id: string): Page {
    let page = this.#pages.get(id);
    if (page === undefined) {
      page = {
        lowest: new Map(),
        puts: new Map(),
        allowed: 0,
        wasOurs: false,
        isForeignLast: false,
        lastPutAt: 0,
      };
      this.#pages.set(id, page);
    }
    return page;
  }
}

function uniqueGivers(givers: readonly NameGiver[]): NameGiver[] {
  return [...new Map(givers.map((giver) => [JSON.stringify(giver), giver])).values()];
}
