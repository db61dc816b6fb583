// Owns: what wakes the resolver: the event log, the buckets' own streams, the outcomes. Every message only names a pair;
// what is true is read from its owner (level-triggered). Any number of processes share these durables.

import type { AssociationIndex } from "../associations/association-index.ts";
import type { DestinationIndex } from "../destinations/destination-index.ts";
import type { Retirement } from "../destinations/retirement.ts";
import type { ResolutionKind } from "../events.ts";
import type { BusPort, Consumption, Decision } from "../ports.ts";
import { type LookOptions, type Pair, type Resolver, retryWhatFailed } from "./resolver.ts";
import type { Tombstones } from "./tombstones.ts";

export interface ConsumersOptions {
  readonly bus: BusPort;
  readonly resolver: Resolver;
  readonly tombstones: Tombstones;
  readonly retirement: Retirement;
  readonly associations: AssociationIndex;
  readonly destinations: DestinationIndex;
}

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
    for (const start of [consumeEvents, consumeAssociations, consumeDestinations, consumeResults]) {
      running.push(await start(options));
    }
  } catch (error) {
    await closeAll(running);
    throw error;
  }
  return { close: () => closeAll(running) };
}

function consumeEvents({ bus, resolver, associations }: ConsumersOptions): Promise<Consumption> {
  return bus.events.consume(
    async ({ key, entry }, { signal }) => {
      // Which destinations want this secret? A view that lags could miss one, so it has to reach today first.
      await associations.caughtUp(signal);
      const pairs = associations.ofSecret(key).map(({ entry: association }) => ({
        destination: association.value.destination,
        secretKey: key,
      }));
      return lookAtAll(resolver, pairs, { trigger: { kind: "event", event: entry.value } }, signal);
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
        return ACK;
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

function consumeDestinations({ bus, retirement }: ConsumersOptions): Promise<Consumption> {
  return bus.destinations.consume(
    "resolver-destinations",
    async ({ entry }, { signal }) => {
      if (entry === undefined) return ACK;
      const { uid, state } = entry.value;
      if (state === "active") await bus.commands.ensureConsumers(uid);
      else await retirement.advance(uid, signal);
      return ACK;
    },
    { concurrency: DESTINATIONS_CONCURRENCY },
  );
}

function consumeResults({ bus, tombstones }: ConsumersOptions): Promise<Consumption> {
  return bus.results.consume(
    async ({ destination, key, entry }) => {
      if (entry.value.kind === "outcome" && entry.value.outcome?.kind === "unsynced") {
        await tombstones.purgeIfFinished({ destination, secretKey: key });
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
