import { driftReportKey, driftRequestKey, type Entry, type View } from "@keyferry/bus";
import type { DestinationRecord, DriftReport, DriftRequest, Uid } from "@keyferry/contracts";
import { toKeyferryError } from "@keyferry/errors";
import { inTrace, newTrace } from "@keyferry/ports";
import type { Lock } from "@keyferry/state";
import type { RecordStore } from "../record/record-store.ts";
import { checkDrift, type DriftDependencies } from "./check-drift.ts";
import { type Asked } from "./report.ts";
import { dueLook, storedReport } from "./schedule.ts";

// Owns: which sink looks at which vault when: whoever takes the destination's lock in Redis. If that is lost two may
// look at once, which costs a list and changes nothing: repairs go by compare-and-set.

const TICK_MS = 2_000;
/** A sink that dies in the midst of a look keeps the others from it for so long. */
const LEASE_MS = 60_000;
const EXTEND_MS = 20_000;
/** Looks at a time; one at 100,000 names takes minutes, and must not keep a person's request at another waiting. */
const LOOKS_MAX = 4;
/** In the place of a vault's host, which always has a dot in it. */
const LOCK_SPACE = "drift";

export interface DriftLoopOptions {
  readonly destinations: Pick<View<DestinationRecord>, "entries">;
  readonly requests: Pick<View<DriftRequest>, "get" | "onChange">;
  readonly reports: {
    /** From the leader: the view of another sink's report may be behind. */
    read(key: string): Promise<{ entry: Entry<DriftReport> | undefined; revision: number }>;
    put(key: string, report: DriftReport, revision: number): Promise<unknown>;
  };
  /** As far as it has come here; decides only whether it is worth to ask. */
  readonly known: Pick<View<DriftReport>, "get">;
  readonly intervalMs: number;
  readonly store: RecordStore;
  readonly deps: DriftDependencies;
}

export class DriftLoop {
  readonly #options: DriftLoopOptions;
  readonly #looks = new Map<Uid, Promise<void>>();
  #nudge = new AbortController();

  constructor(options: DriftLoopOptions) {
    this.#options = options;
  }

  /** Looks when it is time to, until aborted; resolves when the looks in hand have ended. */
  async run(signal: AbortSignal): Promise<void> {
    const end = this.#options.requests.onChange(() => this.#nudge.abort());
    while (!signal.aborted) {
      this.#nudge = new AbortController();
      this.begin(signal);
      await this.#options.deps.clock
        .sleep(TICK_MS, AbortSignal.any([signal, this.#nudge.signal]))
        .catch(() => undefined);
    }
    end();
    await Promise.all(this.#looks.values());
  }

  /** Begins with what is due now. */
  begin(signal: AbortSignal): void {
    for (const [, { value: destination }] of this.#options.destinations.entries()) {
      const { uid, state } = destination;
      if (this.#looks.size >= LOOKS_MAX) return;
      if (this.#looks.has(uid) || state !== "active") continue;
      const known = this.#options.known.get(driftReportKey(uid))?.value;
      if (this.#due(destination, known) === undefined) continue;
      const look = inTrace(newTrace(this.#options.deps.random), () => this.#look(destination, signal))
        .catch((thrown: unknown) => {
          const { code, message } = toKeyferryError(thrown);
          this.#options.deps.logger.debug({ destination: uid, code }, `drift: left for later: ${message}`);
        })
        .finally(() => this.#looks.delete(uid));
      this.#looks.set(uid, look);
    }
  }

  #due(destination: DestinationRecord, report: DriftReport | undefined): Asked | undefined {
    const { requests, deps, intervalMs } = this.#options;
    const request = requests.get(driftRequestKey(destination.uid))?.value;
    const due = dueLook(destination, request, report, { intervalMs, nowMs: deps.clock.now() });
    // By itself nothing is looked at that nobody may write to.
    return due?.requestedAt === null && deps.pauses.isPaused(destination.uid) ? undefined : due;
  }

  async #look(destination: DestinationRecord, signal: AbortSignal): Promise<void> {
    const { deps, store, reports } = this.#options;
    const { uid } = destination;
    const lock = await deps.memory.locks.take(LOCK_SPACE, uid, LEASE_MS);
    if (lock === undefined) return;
    const over = new AbortController();
    const kept = this.#keep(lock, over);
    try {
      const key = driftReportKey(uid);
      const { entry, revision } = await reports.read(key);
      const asked = this.#due(destination, entry?.value);
      if (asked === undefined) return;
      const report = await checkDrift(asked, store, deps, AbortSignal.any([signal, over.signal]));
      await reports.put(key, storedReport(report, entry?.value), revision);
      deps.events.driftChecked({ report });
    } finally {
      over.abort();
      await kept;
    }
  }

  async #keep(lock: Lock, over: AbortController): Promise<void> {
    const { deps } = this.#options;
    let held = lock;
    while (!over.signal.aborted) {
      await deps.clock.sleep(EXTEND_MS, over.signal).catch(() => undefined);
      if (over.signal.aborted) break;
      const extended = await deps.memory.locks.extend(held, LEASE_MS).catch(() => undefined);
      // Lost, or Redis is away: somebody else may be looking already.
      if (extended === undefined) return over.abort();
      held = extended;
    }
    await deps.memory.locks.release(held).catch(() => false);
  }
}
