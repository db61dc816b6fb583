import { afterEach, beforeEach, expect, test } from "vitest";
import type { VersionEvent } from "@keyferry/contracts";
import type { Detector } from "../detector.ts";
import { Memory } from "../publish/memory.ts";
import { MemoryLease } from "../simulated/memory-lease.ts";
import { VirtualClock } from "../simulated/virtual-clock.ts";
import { MemoryLog, middling, recorder } from "../simulated/world.ts";
import { Duty } from "./duty.ts";
import { LEASE_TIMING } from "./lease.ts";

const { takeOverMs } = LEASE_TIMING;

/** One process: its duty, and whether its detector works. */
class Process {
  readonly told: [string, unknown][] = [];
  readonly memory = new Memory();
  readonly duty: Duty;
  works = 0;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;

  constructor(name: string, store: MemoryLease) {
    this.duty = new Duty({
      store,
      log,
      memory: this.memory,
      clock,
      random: {
        ...middling,
        uuid: () => name,
      },
      events: recorder(this.told),
      timing: LEASE_TIMING,
      createDetector: (signal) => this.#detector(signal),
    });
    this.#running = this.duty.run(this.#stop.signal);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  count(name: string): number {
    return this.told.filter(([told]) => told === name).length;
  }

  #detector(signal: AbortSignal): Detector {
    return {
      condition: () => ({ kind: "ready" }),
      sweepsCompleted: () => 0,
      run: async () => {
        this.works += 1;
        await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
        this.works -= 1;
      },
    };
  }
}

let clock: VirtualClock;
let log: MemoryLog;
let lease: MemoryLease;
let processes: Process[];

const start = async (name: string, store = lease): Promise<Process> => {
  const made = new Process(name, store);
  processes.push(made);
  await clock.advance(1);
  return made;
};

beforeEach(() => {
  clock = new VirtualClock(0);
  log = new MemoryLog();
  lease = new MemoryLease();
  processes = [];
});

afterEach(() => Promise.all(processes.map((one) => one.stop())));

test("the first works, the second stands by and says so", async () => {
  const first = await start("a");
  const second = await start("b");
  await clock.advance(10 * takeOverMs);
  expect([first.works, second.works]).toEqual([1, 0]);
  expect(second.duty.condition()).toEqual({ kind: "ready", note: expect.stringContaining("standing by") });
});

test("a holder that ends in order is followed at the next look", async () => {
  const first = await start("a");
  const second = await start("b");
  await first.stop();
  await clock.advance(LEASE_TIMING.pollMs);
  expect(second.works).toBe(1);
});

test("a holder that is killed is followed after the time, not before", async () => {
  lease.record = { major: 1, holder: "killed", counter: 1, released: false };
  lease.revision = 1;
  const second = await start("b");
  await clock.advance(takeOverMs - LEASE_TIMING.pollMs);
  expect(second.works).toBe(0);
  await clock.advance(2 * LEASE_TIMING.pollMs);
  expect(second.works).toBe(1);
  expect(second.told).toContainEqual(["leaseTaken", { takenOver: true }]);
});

test("hazard two-detectors-one-paused: a holder that was paused ends its work as soon as it sees another's lease", async () => {
  const paused = await start("a");
  lease.record = { major: 1, holder: "b", counter: 2, released: false };
  lease.revision += 1; // meanwhile
  await clock.advance(LEASE_TIMING.renewMs);
  expect([paused.works, paused.count("leaseLost")]).toEqual([0, 1]);
  expect(paused.duty.condition()).toMatchObject({ kind: "ready" });
});

test("while the bus is away the holder works on and nobody takes over when it is back", async () => {
  const first = await start("a");
  const second = await start("b");
  lease.isAway = true;
  await clock.advance(5 * takeOverMs);
  expect([first.works, second.works]).toEqual([1, 0]);
  expect(second.duty.condition()).toMatchObject({ kind: "waiting" });
  lease.isAway = false;
  await clock.advance(takeOverMs);
  expect([first.works, second.works, first.count("leaseLost")]).toEqual([1, 0, 0]);
});

test("a lease that was lost with the bus's data is made anew by its holder", async () => {
  const first = await start("a");
  lease.record = undefined;
  lease.revision = 0;
  await clock.advance(3 * LEASE_TIMING.renewMs);
  expect([first.works, lease.record]).toEqual([1, expect.objectContaining({ holder: "a" })]);
});

const goneEvent = {
  major: 1,
  secret: { source: "main", namespace: "", mount: "kv", accessor: "kv_a", path: "k" },
  clusterId: "c",
  state: { kind: "gone" },
  fingerprint: "f1.gone",
  changes: [{ kind: "first-seen" }],
  via: "sweep",
  readStartedAt: 1,
} as const satisfies VersionEvent;

test("a standby's memory follows the log", async () => {
  await start("a");
  const second = await start("b");
  await log.append("k", goneEvent, 0);
  await clock.settle();
  expect([second.memory.size, second.memory.isLoaded]).toEqual([1, true]);
});

test("tail-lost: a standby follows a log that gives sequences out again", async () => {
  await start("a");
  const second = await start("b");
  log.events.push({ key: "k", event: goneEvent, sequence: 22 });
  await clock.settle();
  log.events.push({ key: "k", event: { ...goneEvent, fingerprint: "f1.other" }, sequence: 7 });
  await clock.settle();
  expect(second.memory.get("k")).toMatchObject({ sequence: 7, fingerprint: "f1.other" });
});
