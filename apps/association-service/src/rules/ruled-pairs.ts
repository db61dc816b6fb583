// Owns: which pairs rules are about: those that they make, and those that they made and that are still there. Chosen by
// views; the resolver decides by leader reads. Does not own stored associations.

import type { Lane, SyncCommand, SyncRecord, Uid, VersionEvent } from "@keyferry/contracts";
import type { FollowedTables } from "../boot/follow-tables.ts";
import type { Clock } from "@keyferry/ports";
import type { ServiceEvents } from "../events.ts";
import type { BusPort, Entry } from "../ports.ts";
import { holdsName } from "../resolve/resolve.ts";
import type { Pair, Resolver } from "../resolve/resolver.ts";
import { madeSpec } from "./made-association.ts";
import { ruledState } from "./match-rule.ts";

export interface RuledPairsOptions {
  readonly bus: Pick<BusPort, "commands">;
  readonly tables: Pick<
    FollowedTables,
    "associations" | "destinations" | "commands" | "results" | "rules" | "secrets" | "effective"
  >;
  readonly epoch: () => number;
  readonly clock: Clock;
  readonly events: ServiceEvents;
}

// A look is six leader reads: enough at once to hide the round trips, few enough to leave NATS to the live lane.
const CONCURRENCY = 16;

export class RuledPairs {
  readonly #options: RuledPairsOptions;

  constructor(options: RuledPairsOptions) {
    this.#options = options;
  }

  async caughtUp(signal?: AbortSignal): Promise<void> {
    const { effective, commands, results } = this.#options.tables;
    await Promise.all([effective, commands, results].map((view) => view.caughtUp(signal)));
  }

  /** Every pair that some rule makes now and that nobody has set or removed. */
  *made(): Generator<Pair> {
    const { rules } = this.#options.tables;
    for (const destination of rules.destinations()) yield* this.#madeOf(destination);
  }

  /** Pairs of a changed secret that rules are, or may have been, about. */
  async ofEvent({ secret, state, changes }: VersionEvent, secretKey: string): Promise<readonly Pair[]> {
    const { bus, tables } = this.#options;
    const { rules, destinations, associations } = tables;
    if (rules.isEmpty) return [];
    // A mount that was moved may have left what a rule covers, also for another namespace.
    const isMoved = changes.some(({ kind }) => kind === "moved");
    const candidates = [...(isMoved ? rules.destinations() : rules.destinationsIn(secret.namespace))];
    const found = await Promise.all(
      candidates.map(async (destination): Promise<readonly Pair[]> => {
        if (associations.get(`${destination}.${secretKey}`) !== undefined) return [];
        const owner = destinations.byUid(destination)?.entry.value;
        const ruling = rules.rulingOn(owner, secret, ruledState(state));
        const mayBeOver = ruling.kind === "opted-out" || (ruling.kind === "none" && isMoved);
        // Most secrets of a mount never opt in: they cost one read, not a look.
        const wasMade = mayBeOver && (await bus.commands.last(destination, secretKey)) !== undefined;
        return ruling.kind === "made" || wasMade ? [{ destination, secretKey }] : [];
      }),
    );
    return found.flat();
  }

  /** What rules, or data that was lost, have left of a destination: it has a name or a sync, and no association. */
  leftOf(destination: Uid): readonly { readonly pair: Pair; readonly origin: SyncCommand | SyncRecord }[] {
    const { associations, commands, results } = this.#options.tables;
    const prefix = `${destination}.`;
    const left = new Map<string, SyncCommand | SyncRecord>();
    for (const [key, { value }] of results.entries()) {
      if (key.startsWith(prefix) && holdsName(value)) left.set(key, value);
    }
    for (const [key, { value }] of commands.entries()) {
      if (key.startsWith(prefix) && value.op === "sync") left.set(key, value);
    }
    return [...left]
      .filter(([key]) => associations.get(key) === undefined)
      .map(([, origin]) => ({ pair: { destination, secretKey: origin.secretKey }, origin }));
  }

  /**
   * Looks at everything that a destination's rules make or made, after one of them has changed.
   * @returns false if something has to be looked at again
   * @throws KeyferryError `bus-*`
   */
  async walk(destination: Uid, resolver: Pick<Resolver, "look">, signal: AbortSignal): Promise<boolean> {
    const { clock, events } = this.#options;
    const startedAt = clock.now();
    await this.caughtUp(signal);
    const pairs = this.#concernedBy(destination);
    let next = 0;
    let published = 0;
    let settled = true;
    const worker = async () => {
      while (next < pairs.length) {
        signal.throwIfAborted();
        const pair = pairs[next];
        next += 1;
        if (pair === undefined) return;
        const kind = await resolver.look(pair, { trigger: { kind: "rule" } }, signal);
        if (kind === "published") published += 1;
        if (kind === "behind" || kind === "conflict") settled = false;
      }
    };
    await Promise.all(Array.from({ length: Math.min(CONCURRENCY, pairs.length) }, worker));
    const tookMs = clock.now() - startedAt;
    events.ruleWalked({ destination, looked: pairs.length, published, tookMs });
    return settled;
  }

  #concernedBy(destination: Uid): readonly Pair[] {
    const { commands } = this.#options.tables;
    const pairs = new Map<string, Pair>();
    for (const pair of this.#madeOf(destination)) {
      if (!this.#isCurrent(pair)) pairs.set(pair.secretKey, pair);
    }
    for (const { pair } of this.leftOf(destination)) {
      const command = commands.get(`${destination}.${pair.secretKey}`);
      if (command !== undefined && this.#isCurrent(pair)) continue;
      pairs.set(pair.secretKey, pair);
    }
    return [...pairs.values()];
  }

  // Its last command says already what the rules of now make of the state of now.
  #isCurrent({ destination, secretKey }: Pair): boolean {
    const { epoch, tables } = this.#options;
    const { commands, secrets, effective } = tables;
    const command: Entry<SyncCommand & { readonly lane: Lane }> | undefined = commands.get(
      `${destination}.${secretKey}`,
    );
    const secret = secrets.get(secretKey);
    if (command === undefined || secret === undefined) return false;
    const { op, spec, resolvedFrom, epoch: ofCommand } = command.value;
    const ruling = effective.rulingOn(destination, secret);
    if (ruling.kind !== "made" || op !== "sync" || ofCommand !== epoch()) return false;
    const isOfNow = resolvedFrom.stateSequence === secrets.sequenceOf(secretKey);
    return isOfNow && JSON.stringify(spec) === JSON.stringify(madeSpec(ruling.rule.spec));
  }

  *#madeOf(destination: Uid): Generator<Pair> {
    for (const { entry } of this.#options.tables.effective.madeOf(destination)) {
      yield { destination, secretKey: entry.value.secretKey };
    }
  }
}
