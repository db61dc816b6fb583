// For tests: a whole detector on a virtual clock, with a KVv2 model as its source and the log in memory. Faults are
// switches: a source that is away, another cluster, another mount, a node that is behind, a compare-and-set that loses.
import type { Hint, SecretKey, SecretState, VersionEvent } from "@keyferry/contracts";
import type { KeyferryError } from "@keyferry/errors";
import type { Random } from "@keyferry/ports";
import { createDetector, type Detector, type DetectorPorts } from "../detector.ts";
import type { DetectorEvents } from "../events.ts";
import type {
  AssociatedMount,
  Confirmations,
  EventLog,
  LoggedEvent,
  MountAddress,
  MountIdentity,
  ReportSink,
  RulePatterns,
  SourceReader,
} from "../ports.ts";
import { KvModel } from "./kv-model.ts";
import { VirtualClock } from "./virtual-clock.ts";

export const MOUNT: MountAddress = { namespace: "", mount: "kv" };

const START = Date.parse("2026-11-24T07:00:00Z");

export class MemoryLog implements EventLog {
  readonly events: { key: SecretKey; event: VersionEvent; sequence: number }[] = [];
  #sequence = 0;

  async last(key: SecretKey): Promise<LoggedEvent | undefined> {
    return this.#last(key);
  }

  async append(
    key: SecretKey,
    event: VersionEvent,
    expectedSequence: number,
  ): ReturnType<EventLog["append"]> {
    // Without a pause between the two, as the server does it.
    const last = this.#last(key);
    if ((last?.sequence ?? 0) !== expectedSequence) return { kind: "lost" };
    this.#sequence += 1;
    this.events.push({ key, event: structuredClone(event), sequence: this.#sequence });
    return { kind: "stored", sequence: this.#sequence };
  }

  async *loadLast(): ReturnType<EventLog["loadLast"]> {
    const keys = [...new Set(this.events.map(({ key }) => key))];
    for (const [index, key] of keys.entries()) {
      const entry = await this.last(key);
      if (entry !== undefined) yield { key, entry, index: index + 1, total: keys.length };
    }
  }

  async *follow(signal: AbortSignal): ReturnType<EventLog["follow"]> {
    let next = 0;
    while (!signal.aborted) {
      for (const { key, event, sequence } of this.events.slice(next)) {
        next += 1;
        yield { key, entry: { value: event, sequence }, pending: this.events.length - next };
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async probe(): Promise<void> {
    // always there
  }

  #last(key: SecretKey): LoggedEvent | undefined {
    const found = this.events.findLast((entry) => entry.key === key);
    return found && { value: found.event, sequence: found.sequence };
  }
}

/** A source whose answers come from the model at the time of the call, through whatever is set to be wrong. */
export class ModelSource implements SourceReader {
  readonly model: KvModel;
  reads = 0;
  clusterId = "cluster-a";
  accessor = "kv_a";
  /** Where the mount stands. */
  path = MOUNT.mount;
  failing: KeyferryError | undefined;
  /** Reads of single secrets answer this instead, for as long as it is set. */
  stale: SecretState | undefined;
  /** Runs before a single read answers. */
  beforeRead: () => Promise<void> = async () => undefined;
  /** Runs after a page was read and before it is given. */
  afterPage: () => Promise<void> = async () => undefined;
  pathsPerPage = 3;
  pagesRead = 0;

  constructor(model: KvModel) {
    this.model = model;
  }

  async readMetadata({ path }: { path: string }): ReturnType<SourceReader["readMetadata"]> {
    this.reads += 1;
    await this.beforeRead();
    this.#throwIfFailing();
    const state = this.stale ?? this.model.state(path);
    return state.kind === "gone" ? { kind: "absent" } : { kind: "present", state };
  }

  async *walkMetadata(
    _mount: MountAddress,
    { from: position }: Parameters<SourceReader["walkMetadata"]>[1],
  ): ReturnType<SourceReader["walkMetadata"]> {
    const { paths } = this.model;
    const begin = Number(position?.begun?.after ?? 0);
    for (let from = begin; from === 0 || from < paths.length; from += this.pathsPerPage) {
      this.#throwIfFailing();
      this.pagesRead += 1;
      const items = paths.slice(from, from + this.pathsPerPage).flatMap((path) => {
        const state = this.model.state(path);
        return state.kind === "gone" ? [] : [{ path, state }];
      });
      await this.afterPage();
      const after = String(from + this.pathsPerPage);
      yield { items, unreadable: [], resume: { folders: [], begun: { prefix: "", after } } };
    }
  }

  async mountOf(at: { path: string }): ReturnType<SourceReader["mountOf"]> {
    this.#throwIfFailing();
    return at.path === this.path ? { kind: "mounted", mount: this.#mount() } : { kind: "missing" };
  }

  async listKv2Mounts(namespace: string): Promise<readonly MountIdentity[]> {
    this.#throwIfFailing();
    return namespace === "" ? [this.#mount()] : [];
  }

  async health(): ReturnType<SourceReader["health"]> {
    this.#throwIfFailing();
    return { initialized: true, sealed: false, clusterId: this.clusterId };
  }

  #mount(): MountIdentity {
    return { namespace: "", path: this.path, accessor: this.accessor, kvVersion: 2 };
  }

  #throwIfFailing(): void {
    if (this.failing !== undefined) throw this.failing;
  }
}

export function keyOf({ accessor, path }: { accessor: string; path: string }): SecretKey {
  return `${accessor}/${path}`;
}

class Listeners {
  readonly #listeners = new Set<() => void>();

  onChanged(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  protected tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

class SimulatedRules extends Listeners implements RulePatterns {
  #patterns: ReturnType<RulePatterns["list"]> = [];

  list(): ReturnType<RulePatterns["list"]> {
    return this.#patterns;
  }

  set(patterns: ReturnType<RulePatterns["list"]>): void {
    this.#patterns = patterns;
    this.tell();
  }
}

class SimulatedConfirmations extends Listeners implements Confirmations {
  #cluster: string | undefined;
  readonly #accessors = new Map<string, string>();

  cluster(): string | undefined {
    return this.#cluster;
  }

  accessorAt({ mount }: MountAddress): string | undefined {
    return this.#accessors.get(mount);
  }

  confirmCluster(clusterId: string): void {
    this.#cluster = clusterId;
    this.tell();
  }

  confirmMount(mount: string, accessor: string): void {
    this.#accessors.set(mount, accessor);
    this.tell();
  }
}

export class SimulatedWorld {
  readonly clock = new VirtualClock(START);
  readonly model = new KvModel(() => this.clock.now() + this.serverAheadMs);
  /** By how much the source's clock is ahead of the detector's. */
  serverAheadMs = 0;
  readonly source = new ModelSource(this.model);
  readonly log = new MemoryLog();
  readonly told: [string, unknown][] = [];
  /** What sweeps cover; the model's mount, whichever stands there. */
  associated: readonly AssociatedMount[] = [MOUNT];
  readonly rules = new SimulatedRules();
  readonly said = new SimulatedConfirmations();
  /** What the detector told that it holds, the last first. */
  readonly reports: Parameters<ReportSink["write"]>[0][] = [];
  readonly #options: { sweepIntervalMs: number };
  readonly #detectors: { detector: Detector; abort: AbortController; running: Promise<void> }[] = [];
  readonly #hintListeners = new Set<(hint: Hint) => void>();

  constructor(options: { sweepIntervalMs?: number } = {}) {
    this.#options = { sweepIntervalMs: options.sweepIntervalMs ?? 3_600_000 };
  }

  /** Starts a detector and lets it do its first sweep. */
  async start(): Promise<Detector> {
    const abort = new AbortController();
    const ports: DetectorPorts = {
      source: this.source,
      log: this.log,
      hints: {
        publish: (hint) => this.hint(hint),
        subscribe: (onHint) => {
          this.#hintListeners.add(onHint);
          return { close: () => this.#hintListeners.delete(onHint) };
        },
      },
      associated: { list: () => this.associated, onAdded: () => () => undefined },
      rules: this.rules,
      confirmations: this.said,
      reports: { write: async (report) => void this.reports.unshift(structuredClone(report)) },
      keyOf,
      clock: this.clock,
      random: middling,
      events: recorder(this.told),
    };
    const detector = createDetector(
      ports,
      {
        sourceName: "main",
        ownMount: { namespace: "", mount: "keyferry" },
        mounts: ["*"],
        sweepIntervalMs: this.#options.sweepIntervalMs,
        pageSize: 3,
      },
      abort.signal,
    );
    this.#detectors.push({ detector, abort, running: detector.run() });
    await this.clock.advance(1);
    return detector;
  }

  /** Ends all detectors. */
  async stop(): Promise<void> {
    for (const { abort } of this.#detectors) abort.abort();
    await Promise.all(this.#detectors.map(({ running }) => running));
    this.#detectors.length = 0;
  }

  hint(hint: Hint): void {
    for (const listener of this.#hintListeners) listener(hint);
  }

  hintOf(path: string, operation: Hint["operation"], minVersion?: number): void {
    this.hint({
      major: 1,
      ...MOUNT,
      path,
      operation,
      channel: "manual",
      ...(minVersion === undefined ? {} : { minVersion }),
    });
  }

  /** What the log's fold says of a secret now. */
  folded(path: string): SecretState | undefined {
    return this.eventsOf(path).at(-1)?.state;
  }

  eventsOf(path: string): VersionEvent[] {
    return this.log.events.filter(({ event }) => event.secret.path === path).map(({ event }) => event);
  }

  /** How often the detector told of something. */
  count(name: keyof DetectorEvents): number {
    return this.told.filter(([told]) => told === name).length;
  }
}

export const middling: Random = {
  fraction: () => 0.5,
  bytes: (count) => Buffer.alloc(count, 1),
  uuid: () => "00000000-0000-4000-8000-000000000000",
};

/** Every event's function writes its name and facts down. */
export function recorder(told: [string, unknown][]): DetectorEvents {
  const record = (_target: object, name: string) => (facts: unknown) => {
    told.push([name, facts]);
  };
  return new Proxy({}, { get: (target, name) => record(target, String(name)) }) as DetectorEvents;
}
