// Owns: doing operations: one association-service works on one at a time, tells by its heartbeat that it does, and keeps
// a cursor; if the heartbeat stays away another one goes on from there. Does not own what is ordered: the resolver.
// Invariants: OPR-1 a cancelled or taken-over operation is left within a heartbeat (the compare-and-set fails); OPR-2
// what was gone through twice does nothing twice, as every look decides anew.

import { toKeyferryError } from "@keyferry/errors";
import { compareFences, type OperationRecord } from "@keyferry/contracts";
import type { Clock, Logger } from "@keyferry/ports";
import type { Entry, TableView } from "../../ports.ts";
import type { ResolutionKind } from "../../events.ts";
import type { Republish, Resolver } from "../../resolve/resolver.ts";
import type { Pairs, PairView } from "../pairs.ts";
import type { OperationsBus } from "../ports.ts";
import { selectPairs } from "./selection.ts";

export interface OperationRunnerOptions {
  readonly bus: Pick<OperationsBus, "events" | "operations">;
  readonly view: TableView<OperationRecord>;
  readonly pairs: Pairs;
  readonly resolver: Resolver;
  readonly source: string;
  /** Sees to it that the streams are there: after a loss they may not be. */
  readonly mendStreams: (signal: AbortSignal) => Promise<void>;
  /** Of this process. */
  readonly me: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

const POLL_MS = 500;
const HEARTBEAT_MS = 1_000;
// By the watcher's own clock since it last saw the record change: a dozen heartbeats missed.
const LEASE_MS = 15_000;
// A look is five leader reads; as many at once as the settle loop takes.
const CONCURRENCY = 16;
const PER_SECOND_DEFAULT = 500;
const AWAY_RETRY_MS = 1_000;

type Progress = OperationRecord["progress"];

/** What was started is not ours any more. */
class LeftError extends Error {
  override readonly name = "LeftError";
}

export class OperationRunner {
  readonly #options: OperationRunnerOptions;
  readonly #seen = new Map<string, { readonly sequence: number; readonly at: number }>();

  constructor(options: OperationRunnerOptions) {
    this.#options = options;
  }

  /** Works until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    while (!signal.aborted) {
      const next = this.#next();
      if (next === undefined) {
        await clock.sleep(POLL_MS, signal).catch(() => undefined); // stopping
        continue;
      }
      try {
        await this.#work(next, signal);
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof LeftError)) {
          logger.warn(
            { operation: next.value.id, error: toKeyferryError(error) },
            "an operation was interrupted",
          );
        }
        await clock.sleep(AWAY_RETRY_MS, signal).catch(() => undefined); // stopping
      }
    }
  }

  #next(): Entry<OperationRecord> | undefined {
    const { view, clock } = this.#options;
    const now = clock.now();
    const running: Entry<OperationRecord>[] = [];
    for (const [key, entry] of view.entries()) {
      if (entry.value.state !== "running") {
        this.#seen.delete(key);
        continue;
      }
      const seen = this.#seen.get(key);
      if (seen?.sequence !== entry.sequence) this.#seen.set(key, { sequence: entry.sequence, at: now });
      const { worker } = entry.value;
      const silentMs = seen?.sequence === entry.sequence ? now - seen.at : 0;
      if (worker === null || worker.id === this.#options.me || silentMs > LEASE_MS) running.push(entry);
    }
    return running.sort((a, b) => (a.value.createdAt < b.value.createdAt ? -1 : 1))[0];
  }

  async #work(entry: Entry<OperationRecord>, signal: AbortSignal): Promise<void> {
    const { logger } = this.#options;
    const run = new Run(this.#options, entry);
    await run.save({ message: "looking for what it concerns" });
    logger.info({ operation: run.record.id, kind: run.record.kind }, "an operation was taken up");
    try {
      await this.#goThrough(run, signal);
    } catch (error) {
      // So that another one need not wait for the lease to end.
      if (signal.aborted) await run.letGo();
      throw error;
    }
    const { ordered, unchanged, asked, failed } = run.record.progress;
    await run.save({
      state: "done",
      worker: null,
      message: `${ordered} ordered, ${unchanged} as they should be, ${asked} asked for, ${failed} left to settle`,
    });
    logger.info({ operation: run.record.id, ...run.record.progress }, "an operation is done");
  }

  async #goThrough(run: Run, signal: AbortSignal): Promise<void> {
    const { bus, pairs, source, clock } = this.#options;
    const { kind, options } = run.record;
    await this.#options.mendStreams(signal);
    const selected = await selectPairs({ bus, pairs, source }, kind, options, signal);
    const left = selected.filter(({ key }) => key > run.record.cursor);
    const total = selected.length;
    await run.save({
      progress: { ...run.record.progress, total, done: total - left.length },
      message: "going through",
    });
    const perSecond = options.perSecond ?? PER_SECOND_DEFAULT;
    // A second of pauses at most, so that the heartbeat comes at any rate.
    const atOnce = Math.min(CONCURRENCY, Math.max(1, Math.floor(perSecond)));
    for (let at = 0; at < left.length; at += atOnce) {
      signal.throwIfAborted();
      const begun = clock.now();
      const chunk = left.slice(at, at + atOnce);
      const kinds = await Promise.all(chunk.map((pair) => this.#look(pair, signal)));
      run.note(chunk.at(-1)?.key ?? "", kinds);
      await run.heartbeat();
      const restMs = (chunk.length / perSecond) * 1_000 - (clock.now() - begun);
      if (restMs > 0) await clock.sleep(restMs, signal);
    }
  }

  // NATS away is waited for: the operation is as long as the outage.
  async #look({ destination, secretKey }: PairView, signal: AbortSignal): Promise<ResolutionKind | "failed"> {
    const { resolver, clock } = this.#options;
    const pair = { destination: destination.uid, secretKey };
    for (;;) {
      try {
        return await resolver.look(pair, { trigger: { kind: "replay" }, republish: again }, signal);
      } catch (error) {
        signal.throwIfAborted();
        const { code } = toKeyferryError(error);
        if (!code.startsWith("bus-")) return "failed";
        // A stream that went while this was under way.
        if (code === "bus-not-provisioned") throw error;
        await clock.sleep(AWAY_RETRY_MS, signal);
      }
    }
  }
}

/** What lies in the queue is left there; what ended otherwise than wished, or was refused, is tried again. */
const again: Republish = ({ wish, last, record }) => {
  const fence = { epoch: last.value.epoch, sequence: last.sequence };
  if (record === undefined || compareFences(record.consumed, fence) < 0) return undefined;
  if (record.wish !== wish || record.outcome === null) return "replayed: its outcome is of another wish";
  return record.outcome.kind === "refused" ? "replayed: it was refused" : undefined;
};

/** One operation in this process's hands. */
class Run {
  readonly #options: OperationRunnerOptions;
  record: OperationRecord;
  #sequence: number;
  #savedAt = 0;

  constructor(options: OperationRunnerOptions, entry: Entry<OperationRecord>) {
    this.#options = options;
    this.record = entry.value;
    this.#sequence = entry.sequence;
  }

  note(cursor: string, kinds: readonly (ResolutionKind | "failed")[]): void {
    const progress: Progress = { ...this.record.progress };
    for (const kind of kinds) {
      progress.done += 1;
      progress[COUNTED[kind]] += 1;
    }
    this.record = { ...this.record, cursor, progress };
  }

  async heartbeat(): Promise<void> {
    if (this.#options.clock.now() - this.#savedAt >= HEARTBEAT_MS) await this.save({});
  }

  /** @throws LeftError if somebody else has changed it */
  async save(change: Partial<OperationRecord>): Promise<void> {
    const { bus, clock, me } = this.#options;
    const now = clock.now();
    const record: OperationRecord = {
      ...this.record,
      worker: { id: me, until: now + LEASE_MS },
      ...change,
      updatedAt: new Date(now).toISOString(),
    };
    const result = await bus.operations.put(`operation.${record.id}`, record, this.#sequence);
    if (result.kind === "lost") throw new LeftError();
    this.record = record;
    this.#sequence = result.sequence;
    this.#savedAt = now;
  }

  async letGo(): Promise<void> {
    const message = "its association-service stopped; another one goes on";
    // NATS may be away as well: then the lease's end does it.
    await this.save({ worker: null, message }).catch(() => undefined);
  }
}

const COUNTED: Readonly<Record<ResolutionKind | "failed", "ordered" | "unchanged" | "asked" | "failed">> = {
  published: "ordered",
  unchanged: "unchanged",
  none: "unchanged",
  asked: "asked",
  behind: "failed",
  conflict: "failed",
  failed: "failed",
};
