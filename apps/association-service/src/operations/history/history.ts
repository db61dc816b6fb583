// Owns: reading what happened: the log of what was seen at the source and the outcomes, as one line of time; and waiting
// for what happens next. Changes nothing.

import type { SecretKey, Uid, VersionEvent } from "@keyferry/contracts";
import type { Clock } from "@keyferry/ports";
import type { DestinationIndex } from "../../destinations/destination-index.ts";
import type { OperationsBus } from "../ports.ts";
import { createdAtOf, entryOfEvent, entryOfRecord } from "./history-entry.ts";
import type { HistoryEntry } from "./history-schemas.ts";

export interface HistoryFilter {
  readonly namespace: string;
  readonly secret?:
    | { readonly mount: string; readonly path: string; readonly keys: readonly SecretKey[] }
    | undefined;
  readonly destination?: Uid | undefined;
  /** Milliseconds since 1970. */
  readonly since?: number | undefined;
  readonly until?: number | undefined;
}

/** Where a feed is: the sequences up to which it was read. */
export interface FeedPlace {
  readonly events: number;
  readonly results: number;
}

export interface HistoryOptions {
  readonly bus: Pick<OperationsBus, "events" | "results">;
  readonly source: string;
  readonly destinations: DestinationIndex;
  readonly clock: Clock;
}

// A feed looks for news this often: two small requests to NATS each time.
const FEED_POLL_MS = 400;
const FEED_ENTRIES_MAX = 500;

export class History {
  readonly #options: HistoryOptions;

  constructor(options: HistoryOptions) {
    this.#options = options;
  }

  /** The newest `limit` entries that the filter lets pass, oldest first. @throws KeyferryError `bus-*` */
  async read(
    filter: HistoryFilter,
    limit: number,
    signal: AbortSignal,
  ): Promise<{ readonly entries: readonly HistoryEntry[]; readonly complete: boolean }> {
    const found: HistoryEntry[] = [];
    let complete = true;
    const keep = (entry: HistoryEntry): void => {
      found.push(entry);
      // Twice the limit at most is held, whatever the log's length.
      if (found.length <= 2 * limit) return;
      found.sort(byTime).splice(0, found.length - limit);
      complete = false;
    };
    const range = filter.since === undefined ? {} : { since: filter.since };
    for await (const entry of this.#entries(filter, range, range, signal)) keep(entry);
    found.sort(byTime);
    if (found.length > limit) complete = false;
    return { entries: found.slice(-limit), complete };
  }

  /** The place behind everything that has happened. */
  async now(): Promise<FeedPlace> {
    const { events, results } = this.#options.bus;
    const [event, result] = await Promise.all([events.extent(), results.extent()]);
    return { events: event.lastSequence, results: result.lastSequence };
  }

  /** What has happened since `place`; waits for it up to `waitMs`. */
  async follow(
    filter: HistoryFilter,
    place: FeedPlace,
    waitMs: number,
    signal: AbortSignal,
  ): Promise<{ readonly entries: readonly HistoryEntry[]; readonly place: FeedPlace }> {
    const { clock } = this.#options;
    const end = clock.now() + waitMs;
    let from = place;
    for (;;) {
      const to = await this.now();
      // Streams that were made anew begin again at 1.
      if (to.events < from.events || to.results < from.results) return { entries: [], place: to };
      const entries: HistoryEntry[] = [];
      const ranges = rangesOf(from, to);
      for await (const entry of this.#entries(filter, ranges.events, ranges.results, signal)) {
        if (entries.length < FEED_ENTRIES_MAX) entries.push(entry);
      }
      from = to;
      if (entries.length > 0 || clock.now() >= end) return { entries: entries.sort(byTime), place: to };
      await clock.sleep(FEED_POLL_MS, signal);
    }
  }

  async *#entries(
    filter: HistoryFilter,
    events: Range | undefined,
    results: Range | undefined,
    signal: AbortSignal,
  ): AsyncGenerator<HistoryEntry> {
    const { bus, source } = this.#options;
    const lastEvents = new Map<SecretKey, VersionEvent | undefined>();
    const keys: readonly (SecretKey | undefined)[] = filter.secret?.keys ?? [undefined];
    for (const key of keys) {
      if (events !== undefined) {
        for await (const past of bus.events.history(source, key, events, signal)) {
          lastEvents.set(past.key, past.value);
          if (!isAtHome(filter, past.value.secret.namespace, past.time)) continue;
          // A destination's history is its outcomes.
          if (filter.destination === undefined) yield entryOfEvent(past);
        }
      }
      if (results === undefined) continue;
      const of = {
        ...(filter.destination === undefined ? {} : { destination: filter.destination }),
        ...(key === undefined ? {} : { key }),
      };
      for await (const past of bus.results.history(of, results, signal)) {
        if (!isAtHome(filter, past.value.secret.namespace, past.time)) continue;
        if (past.value.kind === "outcome" && !lastEvents.has(past.key)) {
          lastEvents.set(past.key, (await bus.events.last(source, past.key))?.value);
        }
        const event = lastEvents.get(past.key);
        const entry = entryOfRecord(past, this.#nameOf(past.destination), (version) =>
          createdAtOf(event, version),
        );
        if (entry !== undefined) yield entry;
      }
    }
  }

  #nameOf(uid: Uid): string {
    return this.#options.destinations.byUid(uid)?.entry.value.name ?? uid;
  }
}

interface Range {
  readonly fromSequence?: number;
  readonly throughSequence?: number;
  readonly since?: number;
}

function rangesOf(from: FeedPlace, to: FeedPlace) {
  const one = (after: number, through: number): Range | undefined =>
    through > after ? { fromSequence: after + 1, throughSequence: through } : undefined;
  return { events: one(from.events, to.events), results: one(from.results, to.results) };
}

function isAtHome({ namespace, until }: HistoryFilter, ofSecret: string, time: number): boolean {
  return ofSecret === namespace && (until === undefined || time <= until);
}

function byTime(a: HistoryEntry, b: HistoryEntry): number {
  if (a.at !== b.at) return a.at < b.at ? -1 : 1;
  return a.kind === b.kind ? a.sequence - b.sequence : a.kind === "source" ? -1 : 1;
}
