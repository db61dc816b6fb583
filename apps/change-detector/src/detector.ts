// Owns: the detector as a whole, made of its parts and ports; who starts what, and in which order. Does not own: any
// adapter (service.ts), so that the same detector runs on a virtual clock in a simulator.
import type { Hint } from "@keyferry/contracts";
import { KeyferryError, toKeyferryError } from "@keyferry/errors";
import type { Clock, Random } from "@keyferry/ports";
import { backoffMs, SERVER_AWAY } from "@keyferry/retry";
import type { DetectorEvents } from "./events.ts";
import { Expiry } from "./expiry/expiry.ts";
import { scopeOf } from "./hints/wide-hints.ts";
import { CONFIRM_DELAYS, type ConfirmDelays, Confirmations } from "./observe/confirmations.ts";
import { Gate } from "./observe/gate.ts";
import { Holds } from "./observe/holds.ts";
import { LookQueue } from "./observe/look-queue.ts";
import { requestOfHint } from "./observe/look-request.ts";
import { Observer } from "./observe/observe.ts";
import { ServerGates } from "./observe/server-gates.ts";
import { WatchedMounts } from "./observe/watched-mounts.ts";
import type {
  AssociatedMounts,
  Confirmations as SourceConfirmations,
  EventLog,
  HintChannel,
  KeyOf,
  MountAddress,
  ReportSink,
  RulePatterns,
  SourceReader,
} from "./ports.ts";
import { Memory } from "./publish/memory.ts";
import { Publisher } from "./publish/publish.ts";
import { SweepSchedule } from "./sweep/schedule.ts";
import { Sweep } from "./sweep/sweep.ts";
import { findTargets } from "./sweep/targets.ts";

export interface DetectorPorts {
  readonly source: SourceReader;
  readonly log: EventLog;
  readonly hints: HintChannel;
  readonly associated: AssociatedMounts;
  readonly keyOf: KeyOf;
  readonly clock: Clock;
  readonly random: Random;
  readonly events: DetectorEvents;
  /** Absent: there are none. */
  readonly rules?: RulePatterns;
  /** Absent: nobody can confirm anything. */
  readonly confirmations?: SourceConfirmations;
  /** Where what is held back is told; absent: in the log alone. */
  readonly reports?: ReportSink;
  /** What a standby has kept; a new one, to be loaded, if absent. */
  readonly memory?: Memory;
}

export interface DetectorOptions {
  readonly sourceName: string;
  /** Never looked at. */
  readonly ownMount: MountAddress;
  /** Globs over mount paths, namespace included. */
  readonly mounts: readonly string[];
  readonly sweepIntervalMs: number;
  readonly pageSize: number;
  readonly confirmDelays?: ConfirmDelays;
}

export type DetectorCondition =
  | { readonly kind: "ready" }
  | { readonly kind: "waiting"; readonly why: string };

const LOOKS_AT_ONCE = 32; // hides the round trips to the source; Vault answers a metadata read in about a millisecond
const WAITING_MAX = 100_000; // secrets; a kilobyte each. Beyond it a sweep is cheaper than single reads

export interface Detector {
  /** Runs until the signal aborts; waits for servers that are away. */
  run(): Promise<void>;
  /** Whether it does its work, and else what it waits for. */
  condition(): DetectorCondition;
  /** Whole sweeps since the start. */
  sweepsCompleted(): number;
}

/** Builds a detector; nothing happens before `run`. */
export function createDetector(
  ports: DetectorPorts,
  options: DetectorOptions,
  signal: AbortSignal,
): Detector {
  const { source, log, hints, associated, keyOf, clock, random, events } = ports;
  const { sourceName } = options;
  const expiry: Expiry = new Expiry({
    clock,
    stateOf: (key) => memory.get(key)?.state,
    onDue: (key) => lookAtKnown(key),
  });
  const memory = ports.memory ?? new Memory();
  memory.follow((key, state) => {
    expiry.follow(key, state);
    events.secretsKnown({ secrets: memory.size });
  });
  const gates = createGates(ports);
  const { rules, confirmations: said } = ports;
  const mounts = new WatchedMounts({
    source,
    memory,
    clock,
    globs: options.mounts,
    ownMount: options.ownMount,
    associated,
    rules,
    confirmations: said,
    signal,
  });
  const holds = new Holds({
    clock,
    sink: ports.reports,
    onFailure: (error) => events.reportFailed({ error }),
  });
  const publisher = new Publisher({ log, memory, events, random });
  const confirmations = new Confirmations(options.confirmDelays ?? CONFIRM_DELAYS);
  const common = { sourceName, source, mounts, memory, publisher, keyOf, clock, events, signal };
  const observer = new Observer({ ...common, confirmations, holds, gates, random });
  const queue: LookQueue = new LookQueue({
    clock,
    concurrency: LOOKS_AT_ONCE,
    waitingMax: WAITING_MAX,
    look: (request, attempt) => observer.look(request, attempt),
    onOverflow() {
      events.hintGap({ channel: "queue", why: "overflow" });
      schedule.requestAll("gap");
    },
  });
  const sweep = new Sweep({ ...common, pageSize: options.pageSize, lookAt: (request) => queue.add(request) });
  const schedule: SweepSchedule = new SweepSchedule({
    clock,
    random,
    intervalMs: options.sweepIntervalMs,
    targets: () => findTargets({ source, associated, rules, covers: (at) => mounts.covers(at), signal }),
    sweepMount: (at, resume) => sweep.mount(at, resume),
    gates,
    holds,
    events,
    signal,
  });

  function lookAtKnown(key: Parameters<Memory["get"]>[0]): void {
    const ref = memory.get(key)?.ref;
    if (ref === undefined) return;
    const { namespace, mount, path } = ref;
    // Another mount stands there now: what this one's secrets were is not to be seen any more.
    if ((mounts.accessorAt(ref) ?? ref.accessor) !== ref.accessor) return;
    queue.add({ address: { namespace, mount, path }, cause: "expiry", asked: false, deletionHinted: false });
  }

  function onHint(hint: Hint): void {
    events.hintReceived({ channel: hint.channel });
    switch (scopeOf(hint)) {
      case "all":
        mounts.forget();
        return schedule.requestAll("gap");
      case "mount":
        return schedule.requestMount({ namespace: hint.namespace, mount: hint.mount });
      case "secret":
        if (!mounts.covers(hint) && hint.operation !== "look") return undefined;
        return queue.add(requestOfHint({ ...hint, path: hint.path ?? "" }, clock.now()));
      default:
        return undefined;
    }
  }

  let isWorking = false;
  return {
    condition() {
      if (!isWorking) return { kind: "waiting", why: "the last events are being loaded" };
      const why = gates.source.why ?? gates.bus.why;
      return why === undefined ? { kind: "ready" } : { kind: "waiting", why: why.message };
    },
    sweepsCompleted: () => schedule.completed,
    async run() {
      if (!memory.isLoaded) await loadMemory(ports, memory, signal);
      if (signal.aborted) return;
      isWorking = true;
      const subscription = hints.subscribe(onHint, () => {
        events.hintGap({ channel: "bus", why: "reconnected" });
        schedule.requestAll("gap");
      });
      const stops = [
        associated.onAdded((at) => {
          if (mounts.covers(at)) schedule.requestMount(at);
        }),
        rules?.onChanged(() => schedule.requestAll("rules")),
        said?.onChanged(() => {
          events.sourceConfirmed();
          mounts.forget();
          schedule.requestAll("confirmed");
        }),
      ];
      try {
        await Promise.all([queue.run(signal), expiry.run(signal), schedule.run()]);
      } finally {
        for (const stop of stops) stop?.();
        subscription.close();
      }
    },
  };
}

/** Fills the memory with the last event of each secret; tries for ever, each time from the beginning. */
async function loadMemory(ports: DetectorPorts, memory: Memory, signal: AbortSignal): Promise<void> {
  const { log, events, clock, random } = ports;
  const startedAt = clock.now();
  for (let attempt = 1; !signal.aborted; attempt += 1) {
    try {
      for await (const { key, entry, index, total } of log.loadLast(signal)) {
        memory.putNewer(key, entry.value, entry.sequence);
        events.memoryLoading({ index, total });
      }
      memory.isLoaded = true;
      events.memoryLoaded({ secrets: memory.size, tookMs: clock.now() - startedAt });
      return;
    } catch (thrown) {
      if (signal.aborted) return;
      events.memoryFailed({ error: toKeyferryError(thrown) });
      await clock.sleep(backoffMs(attempt, SERVER_AWAY, random), signal).catch(() => undefined); // stopping
    }
  }
}

function createGates({ source, log, clock, random, events }: DetectorPorts): ServerGates {
  const gate = (what: "source" | "bus", probe: (signal: AbortSignal) => Promise<void>): Gate =>
    new Gate({
      clock,
      random,
      probe,
      onWaiting: (error) => events.waiting({ what, error }),
      onBack: () => events.back({ what }),
    });
  const probeSource = async (signal: AbortSignal): Promise<void> => {
    const { sealed, initialized } = await source.health(signal);
    if (!initialized) throw new KeyferryError("source-sealed", "The source is not initialized");
    if (sealed) throw new KeyferryError("source-sealed", "The source is sealed");
  };
  return new ServerGates(
    gate("source", probeSource),
    gate("bus", (signal) => log.probe(signal)),
  );
}
