// Model-based, the real OpenBao being the model (P1): whatever is done to secrets, whichever hints are lost, doubled or
// reordered, and however often the detector is restarted or killed, a sweep later the fold of the events is exactly the
// server's metadata. KF_PROP_RUNS and KF_PROP_SEED set how many histories and which; a failing one is printed.
import type { Bus } from "@keyferry/bus";
import type { Hint, VersionEvent } from "@keyferry/contracts";
import { secretKeyOf } from "@keyferry/naming";
import { SecretValue, silentLogger, systemClock, systemRandom } from "@keyferry/ports";
import {
  eventually,
  type NatsServer,
  type OpenBaoServer,
  startNats,
  startOpenBao,
  VaultApi,
} from "@keyferry/testkit";
import { createVaultClient, type VaultClient } from "@keyferry/vault-client";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createDetector, type Detector, type DetectorPorts, type EventLog } from "../src/index.ts";
import { recorder } from "../src/simulated/world.ts";
import { type Change, carryOut, historyOf, seeded, shownBy, type Step } from "./histories.ts";
import { openBus } from "./world.ts";

const RUNS = Number(process.env["KF_PROP_RUNS"] ?? 200);
const SEED = Number(process.env["KF_PROP_SEED"] ?? 20_261_124);
const AT_ONCE = 12; // hides the confirmations' waiting
const RUN_MS_MAX = 3_000;
const CONFIRM_DELAYS = { hintedMs: 15, unhintedMs: 40 };
const KEY = Buffer.alloc(32, 3);

let bao: OpenBaoServer;
let nats: NatsServer;
let bus: Bus;
let client: VaultClient;
let api: VaultApi;

beforeAll(async () => {
  [bao, nats] = await Promise.all([startOpenBao(), startNats()]);
  bus = await openBus(nats);
  api = new VaultApi(bao.url, bao.rootToken);
  client = createVaultClient({
    address: bao.url,
    token: new SecretValue(bao.rootToken),
    clock: systemClock,
    logger: silentLogger,
  });
});

afterAll(async () => {
  await client.close();
  await bus.close();
  await Promise.all([nats.stop(), bao.stop()]);
});

/** One history's mount and source, and the detectors that come and go there. */
class Stage {
  readonly mount: string;
  readonly #running: { detector: Detector; stop: AbortController; ended: Promise<void> }[] = [];
  readonly #listeners = new Set<(hint: Hint) => void>();
  readonly #log: EventLog;

  constructor(mount: string) {
    this.mount = mount;
    this.#log = {
      last: (key) => bus.events.last(mount, key),
      append: (key, event, expected) => bus.events.append(mount, key, event, expected),
      loadLast: (signal) => bus.events.loadLast(mount, signal),
      follow: (signal) => bus.events.follow(mount, signal),
      probe: async () => undefined,
    };
  }

  start(): Detector {
    const stop = new AbortController();
    const ports: DetectorPorts = {
      source: client,
      log: this.#log,
      hints: {
        publish: (hint) => this.hint(hint),
        subscribe: (onHint) => {
          this.#listeners.add(onHint);
          return { close: () => this.#listeners.delete(onHint) };
        },
      },
      associated: { list: () => [{ namespace: "", mount: this.mount }], onAdded: () => () => undefined },
      keyOf: (ref) => secretKeyOf(KEY, ref),
      clock: systemClock,
      random: systemRandom,
      events: recorder([]),
    };
    const detector = createDetector(
      ports,
      {
        sourceName: this.mount,
        ownMount: { namespace: "", mount: "keyferry" },
        mounts: [this.mount],
        sweepIntervalMs: 3_600_000,
        pageSize: 2,
        confirmDelays: CONFIRM_DELAYS,
      },
      stop.signal,
    );
    this.#running.push({ detector, stop, ended: detector.run() });
    return detector;
  }

  hint(hint: Hint): void {
    for (const listener of this.#listeners) listener(hint);
  }

  /** Ends all detectors; those that were killed have gone on until now. */
  async stop(): Promise<void> {
    for (const { stop } of this.#running) stop.abort();
    await Promise.all(this.#running.splice(0).map(({ ended }) => ended));
  }

  /** Events of each path in the log's order. */
  async events(): Promise<Map<string, VersionEvent>> {
    const events = new Map<string, VersionEvent>();
    for await (const { entry } of bus.events.loadLast(this.mount, new AbortController().signal)) {
      events.set(entry.value.secret.path, entry.value);
    }
    return events;
  }
}

async function play(stage: Stage, steps: readonly Step[], random: () => number): Promise<void> {
  stage.start();
  const late: Hint[] = [];
  for (const step of steps) {
    switch (step.op) {
      case "restart":
        if (step.how === "stopped") await stage.stop();
        stage.start();
        break;
      case "settle":
        await systemClock.sleep(5);
        break;
      default:
        await change(stage, step, late);
    }
  }
  for (const hint of late.toSorted(() => random() - 0.5)) stage.hint(hint);
}

async function change(stage: Stage, step: Change, late: Hint[]): Promise<void> {
  const hint = await carryOut(api, stage.mount, step);
  if (step.fate === "late") late.push(hint);
  if (step.fate === "told" || step.fate === "doubled") stage.hint(hint);
  if (step.fate === "doubled") stage.hint(hint);
}

/** Plays a history; undefined if the fold is the server's metadata in the end, else what it is. */
async function run(seed: number): Promise<string | undefined> {
  const steps = historyOf(seed);
  const mount = `m${seed}`;
  await api.mountKv2(mount);
  await eventually(() => api.expect("GET", `${mount}/config`), { what: `mount ${mount} to answer` });
  const stage = new Stage(mount);
  let wrong: string | undefined;
  try {
    await play(stage, steps, seeded(seed + 1));
    await stage.stop();
    const last = stage.start();
    await eventually(() => last.sweepsCompleted() > 0, { what: "the sweep" });
    await eventually(
      async () => {
        wrong = await difference(stage);
        return wrong === undefined;
      },
      { what: "the doubts to be confirmed", timeoutMs: RUN_MS_MAX },
    ).catch(() => undefined); // told by `wrong`, with the history
  } finally {
    await stage.stop();
    await api.expect("DELETE", `sys/mounts/${mount}`);
  }
  return wrong && `seed ${seed}: ${wrong}\n${steps.map((step) => JSON.stringify(step)).join("\n")}`;
}

async function difference(stage: Stage): Promise<string | undefined> {
  const events = await stage.events();
  const shown = await shownBy(api, stage.mount);
  for (const [path, state] of Object.entries(shown)) {
    const folded = events.get(path)?.state ?? { kind: "gone" };
    if (sorted(folded) !== sorted(state)) {
      return `${path}: the server shows ${sorted(state)}, the events say ${sorted(folded)}`;
    }
  }
  return undefined;
}

/** JSON with the keys in order. */
function sorted(value: unknown): string {
  return JSON.stringify(value, (_key, each: unknown) =>
    typeof each === "object" && each !== null
      ? Object.fromEntries(Object.entries(each).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : each,
  );
}

test(
  "the fold of the events is the server's metadata, for every history",
  { timeout: 3_600_000 },
  async () => {
    const failures: string[] = [];
    const seeds = Array.from({ length: RUNS }, (_, index) => SEED + index).values();
    const worker = async (): Promise<void> => {
      for (const seed of seeds) {
        const failure = await run(seed);
        if (failure !== undefined) failures.push(failure);
      }
    };
    const began = performance.now();
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    process.stdout.write(
      `${RUNS} histories from seed ${SEED} in ${((performance.now() - began) / 1_000).toFixed(1)} s\n`,
    );
    expect(failures.join("\n\n")).toBe("");
  },
);
