// Owns: what wakes the resolver: the event log, the buckets' own streams, the outcomes. Every message only names a pair;
// what is true is read from its owner (level-triggered). Any number of processes share these durables.

import type { AssociationIndex } from "../associations/association-index.ts";
import type { DestinationIndex } from "../destinations/destination-index.ts";
import type { Clock } from "@keyferry/ports";
import type { Retirement } from "../destinations/retirement.ts";
import type { ResolutionKind, ServiceEvents } from "../events.ts";
import type { BusPort, Consumption, Decision } from "../ports.ts";
import type { RuleBook } from "../rules/rule-book.ts";
import type { RuledPairs } from "../rules/ruled-pairs.ts";
import { type LookOptions, type Pair, type Resolver, retryWhatFailed } from "./resolver.ts";
import type { Tombstones } from "./tombstones.ts";

export interface ConsumersOptions {
  readonly bus: BusPort;
  readonly resolver: Resolver;
  readonly tombstones: Tombstones;
  readonly retirement: Retirement;
  readonly associations: AssociationIndex;
  readonly destinations: DestinationIndex;
  readonly rules: RuleBook;
  readonly ruledPairs: RuledPairs;
  readonly clock: Clock;
  readonly events: ServiceEvents;
}

// A rule's message is a walk over all secrets; two at once, as rules of different destinations come together.
const RULES_CONCURRENCY = 2;
// A look is five leader reads: 32 at once keep NATS busy without starving the API of the same process.
const CONCURRENCY = 32;
const DESTINATIONS_CONCURRENCY = 4;
// What two looks in a row could not settle is looked at again by then (O9), or by the settle loop.
const LATER_MS = 2_000;
const ACK: Decision = { kind: "ack" };
const LATER: Decision = { kind: "retry", afterMs: LATER_MS };

/** Starts all consumers; closing the result stops them, the work in hand ended. */
export async function startConsumers(options: ConsumersOptions): Promise<Consumption> {
  const running: Consumption[] = [];
  try {
    const all = [consumeEvents, consumeAssociations, consumeDestinations, consumeRules, consumeResults];
    for (const start of all) running.push(await start(options));
  } catch (error) {
    await closeAll(running);
    throw error;
  }
  return { close: () => closeAll(running) };
}

function consumeEvents({
  bus,
  resolver,
  associations,
  rules,
  ruledPairs,
  clock,
  events,
}: ConsumersOptions): Promise<Consumption> {
  return bus.events.consume(
    async ({ key, entry }, { signal }) => {
      // Which destinations want this secret? A view that lags could miss one, so it has to reach today first.
      await Promise.all([associations.caughtUp(signal), rules.caughtUp(signal)]);
      const set = associations.ofSecret(key).map(({ entry: association }) => ({
        destination: association.value.destination,
        secretKey: key,
      }));
      const pairs = [...set, ...(await ruledPairs.ofEvent(entry.value, key))];
      const trigger = { kind: "event" as const, event: entry.value };
      const decision = await lookAtAll(resolver, pairs, { trigger }, signal);
      if (decision.kind === "ack" && pairs.length > 0) events.eventResolved(clock.now() - entry.time);
      return decision;
    },
    { concurrency: CONCURRENCY },
  );
}

function consumeAssociations(options: ConsumersOptions): Promise<Consumption> {
  const { bus, resolver, tombstones, retirement, destinations } = options;
  return bus.associations.consume(
    "resolver-associations",
    async ({ key, entry }, { signal }) => {
      const pair = pairOf(key);
      if (pair === undefined) return ACK;
      if (entry === undefined) {
        // The last tombstone is gone: its destination may be waiting for that.
        await retirement.advance(pair.destination, signal);
        // What was removed before a rule came to cover it is the rule's from now on.
        const isRuled = options.rules.ofDestination(pair.destination).length > 0;
        return isRuled ? lookAtAll(resolver, [pair], { trigger: { kind: "rule" } }, signal) : ACK;
      }
      if (entry.value.state === "active") {
        return lookAtAll(resolver, [pair], { trigger: { kind: "set" }, republish: retryWhatFailed }, signal);
      }
      const byPurge = destinations.byUid(pair.destination)?.entry.value.state === "deleting";
      const decision = await lookAtAll(resolver, [pair], { trigger: { kind: "removed", byPurge } }, signal);
      await tombstones.purgeIfFinished(pair);
      return decision;
    },
    { concurrency: CONCURRENCY },
  );
}

function consumeDestinations(options: ConsumersOptions): Promise<Consumption> {
  const { bus, retirement, rules, ruledPairs, resolver } = options;
  return bus.destinations.consume(
    "resolver-destinations",
    async ({ entry }, { signal }) => {
      if (entry === undefined) return ACK;
      const { uid, state } = entry.value;
      if (state !== "active") {
        await retirement.advance(uid, signal);
        return ACK;
      }
      await bus.commands.ensureConsumers(uid);
      // What the destination may have may be another set now (its allowed sources).
      if (rules.ofDestination(uid).length === 0) return ACK;
      return (await ruledPairs.walk(uid, resolver, signal)) ? ACK : LATER;
    },
    { concurrency: DESTINATIONS_CONCURRENCY },
  );
}

// A rule that was removed stays until everything that it made was looked at once without it.
function consumeRules({ bus, rules, ruledPairs, resolver, events }: ConsumersOptions): Promise<Consumption> {
  return bus.rules.consume(
    "resolver-rules",
    async ({ key, entry }, { signal }) => {
      if (entry === undefined) return ACK;
      const { destination, state, name } = entry.value;
      await rules.reached(entry.sequence, signal);
      if (!(await ruledPairs.walk(destination, resolver, signal))) return LATER;
      if (state === "removed" && (await bus.rules.delete(key, entry.sequence)).kind === "stored") {
        events.ruleChanged("gone", { name, destination });
      }
      return ACK;
    },
    { concurrency: RULES_CONCURRENCY },
  );
}

function consumeResults({ bus, tombstones, resolver }: ConsumersOptions): Promise<Consumption> {
  return bus.results.consume(
    async ({ destination, key, entry }, { signal }) => {
      if (entry.value.kind !== "outcome") return ACK;
      const pair = { destination, secretKey: key };
      if (entry.value.outcome?.kind === "unsynced") await tombstones.purgeIfFinished(pair);
      // Names that a sync may not drop: leave is asked for them once it is known that there are some (O6).
      if (entry.value.outcome?.kind === "held") {
        return lookAtAll(resolver, [pair], { trigger: { kind: "held" } }, signal);
      }
      return ACK;
    },
    { concurrency: CONCURRENCY },
  );
}

async function lookAtAll(
  resolver: Resolver,
  pairs: readonly Pair[],
  options: LookOptions,
  signal: AbortSignal,
): Promise<Decision> {
  const kinds = await Promise.all(pairs.map((pair) => resolver.look(pair, options, signal)));
  return kinds.some(isUnsettled) ? LATER : ACK;
}

function isUnsettled(kind: ResolutionKind): boolean {
  return kind === "behind" || kind === "conflict";
}

/** The pair of a key in the bucket `associations`: `<destination uid>.<k>`. */
export function pairOf(key: string): Pair | undefined {
  const [destination, secretKey, ...rest] = key.split(".");
  if (destination === undefined || secretKey === undefined || rest.length > 0) return undefined;
  return { destination, secretKey };
}

async function closeAll(running: readonly Consumption[]): Promise<void> {
  await Promise.all(running.map((consumption) => consumption.close()));
}
