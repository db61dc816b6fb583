// Owns: the loop that carries P1: at start, on a timer and after an epoch change every association (also those without
// a state), and every record that still holds a name without one, is compared with its outcome. What differs goes to
// the resolver, which decides by leader reads; here views are enough, as they only choose whom to look at.

import { PAUSES_KEY } from "@keyferry/bus";
import { toKeyferryError } from "@keyferry/errors";
import {
  compareFences,
  type Fence,
  type Lane,
  type PausesRecord,
  type SyncCommand,
  type SyncRecord,
  type Uid,
  wishDigest,
} from "@keyferry/contracts";
import type { Clock } from "@keyferry/ports";
import type { AssociationIndex } from "../associations/association-index.ts";
import type { DestinationIndex } from "../destinations/destination-index.ts";
import type { Retirement } from "../destinations/retirement.ts";
import type { ProofOfLoss } from "../epoch/next-epoch.ts";
import type { ResolutionKind, ServiceEvents, SettleTotals } from "../events.ts";
import { pauseOf } from "../pauses/pause-of.ts";
import type { Approvals } from "../permits/approvals.ts";
import type { BusPort, CommandEntry, TableView } from "../ports.ts";
import { pairOf } from "../resolve/consumers.ts";
import { holdsName, type Leave, resolve, wishedVersion } from "../resolve/resolve.ts";
import type { Pair, Republish, Resolver } from "../resolve/resolver.ts";
import type { Tombstones } from "../resolve/tombstones.ts";
import { ruledState } from "../rules/match-rule.ts";
import type { Rekeying } from "../rekey/rekeying.ts";
import type { RuleBook } from "../rules/rule-book.ts";
import type { RuledPairs } from "../rules/ruled-pairs.ts";
import { type BehindBook, type BehindPair, judgeBehind } from "./lost-tail.ts";
import { settle } from "./settle.ts";

export interface SettleOptions {
  readonly bus: Pick<BusPort, "commands" | "events" | "hints" | "renewConsumers">;
  readonly source: string;
  readonly associations: AssociationIndex;
  readonly destinations: DestinationIndex;
  readonly commands: TableView<SyncCommand & { readonly lane: Lane }>;
  readonly results: TableView<SyncRecord>;
  readonly pauses: TableView<PausesRecord>;
  readonly rules: RuleBook;
  readonly ruledPairs: RuledPairs;
  readonly approvals: Pick<Approvals, "resume">;
  readonly rekeying: Pick<Rekeying, "run">;
  readonly resolver: Resolver;
  readonly tombstones: Tombstones;
  readonly retirement: Retirement;
  readonly epoch: () => number;
  /** Finds out whether the epoch has changed, or raises it for a loss that is proven; true if it is another one. */
  readonly checkEpoch: (signal: AbortSignal, proof: ProofOfLoss | undefined) => Promise<boolean>;
  readonly intervalMs: number;
  readonly clock: Clock;
  readonly events: ServiceEvents;
}

// A leader read each: enough at once to hide the round trip, few enough to leave NATS to the live lane.
const CONCURRENCY = 16;
const PROGRESS_EVERY = 5_000;
// After a failed round (NATS away) the next one comes early.
const RETRY_MS = 5_000;

interface Tally {
  published: number;
  asked: number;
  failed: number;
}

interface Round {
  readonly lanes: Lanes;
  readonly tally: Tally;
  readonly behind: BehindPair[];
}

interface LaneProgress {
  readonly floor: number;
  readonly isIdle: boolean;
}

type Lanes = (destination: Uid, lane: Lane) => LaneProgress;

// A lane without a durable has acked nothing: its messages will be delivered once it has one.
const NO_DURABLE: LaneProgress = { floor: 0, isIdle: false };

export class SettleLoop {
  readonly #options: SettleOptions;
  #wake = new AbortController();
  #behind: BehindBook = new Map();
  #proof: ProofOfLoss | undefined;

  constructor(options: SettleOptions) {
    this.#options = options;
  }

  /** Begins the next round now. */
  wake(): void {
    this.#wake.abort();
  }

  /** Runs rounds until `signal` aborts. Failures are logged and repeated. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, intervalMs, events } = this.#options;
    while (!signal.aborted) {
      let pauseMs = intervalMs;
      try {
        await this.round(signal);
      } catch (error) {
        if (signal.aborted) return;
        events.settleFailed(toKeyferryError(error).code);
        pauseMs = Math.min(RETRY_MS, intervalMs);
      }
      await clock.sleep(pauseMs, AbortSignal.any([signal, this.#wake.signal])).catch(() => undefined);
      this.#wake = new AbortController();
    }
  }

  /**
   * One round over everything.
   * @throws KeyferryError `bus-*` if the round could not begin; failures of single pairs are counted
   */
  async round(signal: AbortSignal): Promise<SettleTotals> {
    const { clock, associations, destinations, pauses, ruledPairs, events } = this.#options;
    const startedAt = clock.now();
    await this.mendStreams(signal);
    await this.#options.rekeying.run(signal);
    // SET-3: floors before records. Whatever the floor passes here has its outcome in the views below.
    const lanes = await this.#readLanes();
    const views = [associations, destinations, pauses, ruledPairs];
    await Promise.all(views.map((view) => view.caughtUp(signal)));
    const made = [...ruledPairs.made()];
    events.associationsCounted(associations.size + made.length);
    const orphans = this.#orphans(made);
    const owned = [...[...associations.all()].flatMap(({ key }) => pairOf(key) ?? []), ...made];
    const tally: Tally = { published: 0, asked: 0, failed: 0 };
    const round: Round = { lanes, tally, behind: [] };
    await this.#settleAll(owned, round, false, signal);
    await this.#settleAll(orphans, round, true, signal);
    this.#judgeBehind(round);
    await this.#resumeApprovals(signal);
    await this.#advanceClosing(signal);
    const totals = {
      looked: owned.length + orphans.length,
      orphans: orphans.length,
      ...tally,
      tookMs: clock.now() - startedAt,
    };
    events.settleEnded(totals);
    return totals;
  }

  /**
   * Sees to it that streams and durables are there, and to what follows from a stream that was made anew.
   * @throws KeyferryError `bus-*`
   */
  async mendStreams(signal: AbortSignal): Promise<void> {
    const proof = this.#proof;
    if (await this.#options.checkEpoch(signal, proof)) await this.#afterEpochChange();
    if (this.#proof === proof) this.#proof = undefined;
    await this.#ensureConsumers();
  }

  async #settleAll(
    pairs: readonly Pair[],
    round: Round,
    orphans: boolean,
    signal: AbortSignal,
  ): Promise<void> {
    let next = 0;
    const { events } = this.#options;
    const worker = async () => {
      while (next < pairs.length && !signal.aborted) {
        const pair = pairs[next];
        next += 1;
        if (pair === undefined) return;
        await this.#settleOne(pair, round, orphans, signal);
        if (next % PROGRESS_EVERY === 0) {
          events.settleProgress({ done: next, total: pairs.length, ...round.tally });
        }
      }
    };
    await Promise.all(Array.from({ length: Math.min(CONCURRENCY, pairs.length) }, worker));
  }

  async #settleOne(
    pair: Pair,
    { lanes, tally, behind }: Round,
    orphan: boolean,
    signal: AbortSignal,
  ): Promise<void> {
    try {
      const republish = this.#republish(pair, lanes);
      if (!(await this.#differs(pair, orphan, republish))) return;
      const options = { trigger: { kind: "settle" as const }, republish, orphanConfirmed: orphan };
      const fence = this.#fenceOf(pair);
      const kind = await this.#options.resolver.look(pair, options, signal);
      count(tally, kind);
      if (kind === "behind" && fence !== undefined) behind.push({ key: keyOf(pair), fence });
      if (!orphan) await this.#options.tombstones.purgeIfFinished(pair);
    } catch (error) {
      if (signal.aborted) throw error;
      tally.failed += 1;
    }
  }

  #fenceOf(pair: Pair): Fence | undefined {
    const last = this.#options.commands.get(keyOf(pair));
    return last && { epoch: last.value.epoch, sequence: last.sequence };
  }

  // A tail that was lost and made up for between two rounds shows in no stream's length.
  #judgeBehind({ behind }: Round): void {
    const { book, proof } = judgeBehind(this.#behind, behind, this.#options.clock.now());
    this.#behind = book;
    if (proof === undefined) return;
    const why = `${proof.key} stays behind its last command: a stream lost its tail and grew again`;
    this.#proof = { epoch: proof.epoch, why };
    this.wake();
  }

  // By views and one leader read of the state: true if the resolver should look.
  async #differs(pair: Pair, orphan: boolean, republish: Republish): Promise<boolean> {
    const { bus, source, associations, destinations, commands, results, rules, epoch } = this.#options;
    const key = keyOf(pair);
    const association = associations.get(key)?.entry;
    const last = lanedEntry(commands.get(key));
    const record = results.get(key)?.value;
    const owner = destinations.byUid(pair.destination)?.entry.value;
    const state = await bus.events.last(source, pair.secretKey);
    const secret = state?.value.secret ?? last?.value.secret ?? record?.secret;
    const ruling =
      association !== undefined || secret === undefined
        ? ({ kind: "none" } as const)
        : rules.rulingOn(owner, secret, state && ruledState(state.value.state));
    const resolution = resolve({
      secretKey: pair.secretKey,
      destination: owner,
      association,
      ruling,
      rulesSequence: rules.sequence,
      state,
      last,
      record,
      epoch: epoch(),
      orphanConfirmed: orphan,
    });
    if (resolution.kind !== "wish") return resolution.kind !== "none";
    // A finished tombstone whose outcome's message was missed still has to be forgotten.
    if (association?.value.state === "removed" && record?.outcome?.kind === "unsynced") return true;
    if (last === undefined) return true;
    const wish = wishDigest({ ...resolution.draft, permit: permitWithoutSpending(resolution.leave) });
    if (wish !== wishDigest(last.value)) return true;
    const version = wishedVersion(resolution.draft, state);
    if (republish({ wish, last, record, version }) !== undefined) return true;
    return this.#isLost(pair, last, record);
  }

  // A view is not told of a purge: a command that has been pending for a while is looked for where it should lie
  // (hazard lost-command).
  async #isLost(pair: Pair, last: CommandEntry, record: SyncRecord | undefined): Promise<boolean> {
    const { bus, clock, intervalMs } = this.#options;
    const fence = { epoch: last.value.epoch, sequence: last.sequence };
    if (record !== undefined && compareFences(record.consumed, fence) >= 0) return false;
    if (clock.now() - last.time < intervalMs) return false;
    const stored = await bus.commands.last(pair.destination, pair.secretKey);
    return stored?.sequence !== last.sequence;
  }

  #republish(pair: Pair, lanes: Lanes): Republish {
    const { clock } = this.#options;
    return ({ wish, last, record, version }) => {
      const { floor, isIdle } = lanes(pair.destination, last.lane);
      const verdict = settle({
        wish,
        last,
        lastWish: wishDigest(last.value),
        record,
        version,
        ackFloor: floor,
        isLaneIdle: isIdle,
        now: clock.now(),
      });
      if (verdict.kind !== "publish") return undefined;
      // While nothing is written every name of it waits past its time: to say so again would only move it in the queue.
      const isLate = verdict.why === "waited-too-long" || verdict.why === "late-check-overdue";
      return isLate && this.#isPaused(pair) ? undefined : verdict.why;
    };
  }

  #isPaused({ destination, secretKey }: Pair): boolean {
    const record = this.#options.pauses.get(PAUSES_KEY)?.value;
    return pauseOf(record, destination, `${destination}.${secretKey}`) !== undefined;
  }

  #orphans(made: readonly Pair[]): readonly Pair[] {
    const { associations, commands, results } = this.#options;
    const keys = new Set<string>();
    for (const [key, { value }] of results.entries()) {
      if (associations.get(key) === undefined && holdsName(value)) keys.add(key);
    }
    for (const [key, { value }] of commands.entries()) {
      if (associations.get(key) === undefined && value.op === "sync") keys.add(key);
    }
    for (const { destination, secretKey } of made) keys.delete(`${destination}.${secretKey}`);
    return [...keys].flatMap((key) => pairOf(key) ?? []);
  }

  async #readLanes(): Promise<Lanes> {
    const { bus, destinations } = this.#options;
    const lanes = new Map<string, LaneProgress>();
    for (const uid of new Set(destinations.all().map(({ entry }) => entry.value.uid))) {
      for (const lane of ["live", "bulk"] as const) {
        const progress = await bus.commands.progress(uid, lane).catch(() => undefined);
        if (progress === undefined) continue;
        const { floor, waiting, unacked } = progress;
        lanes.set(`${uid}.${lane}`, { floor, isIdle: waiting === 0 && unacked === 0 });
      }
    }
    return (uid, lane) => lanes.get(`${uid}.${lane}`) ?? NO_DURABLE;
  }

  async #ensureConsumers(): Promise<void> {
    const { bus, destinations, associations } = this.#options;
    for (const { entry } of destinations.all()) {
      const { uid, state } = entry.value;
      // One that is closed and has nothing left is losing its durables at this moment.
      const needed = state === "active" || associations.ofDestination(uid).length > 0;
      if (needed) await bus.commands.ensureConsumers(uid);
    }
  }

  // O3: durables of a stream that was made anew or lost its tail may be deaf; then a sweep, and this very round.
  async #afterEpochChange(): Promise<void> {
    const { bus, source, destinations, associations } = this.#options;
    await bus.renewConsumers();
    for (const { entry } of destinations.all()) {
      await bus.commands.dropConsumers(entry.value.uid);
      await bus.commands.ensureConsumers(entry.value.uid);
    }
    const mounts = new Map<string, { readonly namespace: string; readonly mount: string }>();
    for (const { entry } of associations.all()) {
      const { namespace, mount } = entry.value.secret;
      mounts.set(`${namespace}\u0000${mount}`, { namespace, mount });
    }
    for (const { destination, secretKey } of this.#options.ruledPairs.made()) {
      const last = this.#options.commands.get(`${destination}.${secretKey}`)?.value.secret;
      if (last !== undefined) mounts.set(`${last.namespace}\u0000${last.mount}`, last);
    }
    for (const { namespace, mount } of mounts.values()) {
      bus.hints.publish(source, { major: 1, namespace, mount, operation: "look", channel: "resolver" });
    }
  }

  // What a person approved and a crash interrupted.
  async #resumeApprovals(signal: AbortSignal): Promise<void> {
    const { destinations, approvals } = this.#options;
    const uids = new Set(destinations.all().map(({ entry }) => entry.value.uid));
    for (const uid of uids) await approvals.resume(uid, signal);
  }

  async #advanceClosing(signal: AbortSignal): Promise<void> {
    const { destinations, retirement } = this.#options;
    for (const { entry } of destinations.all()) {
      if (entry.value.state !== "active") await retirement.advance(entry.value.uid, signal);
    }
  }
}

function keyOf({ destination, secretKey }: Pair): string {
  return `${destination}.${secretKey}`;
}

// Only "kept" can equal the last command's permit; a budget is asked by the resolver alone.
function permitWithoutSpending(leave: Leave) {
  switch (leave.kind) {
    case "kept":
      return leave.permit;
    case "person":
      return { by: "person" as const };
    case "budget":
    case "not-needed":
    case "withheld":
      return null;
  }
}

function lanedEntry(
  entry: { value: SyncCommand & { readonly lane: Lane }; sequence: number; time: number } | undefined,
): CommandEntry | undefined {
  return entry === undefined ? undefined : { ...entry, lane: entry.value.lane };
}

function count(tally: Tally, kind: ResolutionKind): void {
  if (kind === "published") tally.published += 1;
  else if (kind === "asked") tally.asked += 1;
  else if (kind === "behind" || kind === "conflict") tally.failed += 1;
}
