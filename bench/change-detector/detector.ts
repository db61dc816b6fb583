// The change-detector alone: from the source's commit to the published event by its audit file, and what a sweep of many
// secrets costs in calls, seconds and memory.
//
//   node bench/change-detector/detector.ts [--part latency|sweep|all] [--secrets 10000] [--rate 20] [--seconds 15]
//     [--program dist/change-detector/main.mjs] [--json]
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { eventually, type Service } from "@keyferry/testkit";
import {
  associate,
  gauge,
  MOUNT,
  openSurroundings,
  SOURCE,
  type Surroundings,
  sweepsOf,
} from "./surroundings.ts";

const { values: options } = parseArgs({
  options: {
    part: { type: "string", default: "all" },
    secrets: { type: "string", default: "10000" },
    rate: { type: "string", default: "20" },
    seconds: { type: "string", default: "15" },
    program: { type: "string" },
    json: { type: "boolean", default: false },
  },
});

const LATENCY_SECRETS = 50;
const WRITERS = 32;
const SWEEP_INTERVAL_S = 5;
const MEMORY_BASE_MB = 150;

interface Latency {
  readonly rate: number;
  readonly events: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
}

interface SweepFigures {
  readonly secrets: number;
  /** The first, which publishes an event per secret. */
  readonly firstS: number;
  /** One that finds nothing changed. */
  readonly idleS: number;
  readonly idleCalls: number;
  readonly rssMb: number;
  readonly rssPeakMb: number;
  readonly rssToReachMb: number;
}

/** From `created_time` of the version, by the server's clock, to JetStream's time of the event. One machine. */
async function latency(surroundings: Surroundings): Promise<Latency> {
  const { api } = surroundings;
  const detector = await surroundings.startDetector({
    hints: true,
    sweepIntervalS: 3_600,
    program: options.program,
  });
  const latencies: number[] = [];
  const stop = new AbortController();
  const following = follow(surroundings, stop.signal, latencies);
  const rate = Number(options.rate);
  const count = rate * Number(options.seconds);
  for (let index = 0; index < LATENCY_SECRETS; index += 1)
    await api.putSecret(MOUNT, `lat-${index}`, { a: "1" });
  await eventually(() => latencies.length === LATENCY_SECRETS, { what: "the first events" });
  latencies.length = 0;
  const began = performance.now();
  for (let index = 0; index < count; index += 1) {
    const waitMs = began + (index * 1_000) / rate - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    await api.putSecret(MOUNT, `lat-${index % LATENCY_SECRETS}`, { a: "1" });
  }
  await eventually(() => latencies.length === count, { what: "an event of each change" }).catch(
    () => undefined,
  ); // fewer: told
  stop.abort();
  await following;
  await detector.stop();
  const sorted = latencies.toSorted((a, b) => a - b);
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return { rate, events: sorted.length, p50Ms: at(0.5), p95Ms: at(0.95), p99Ms: at(0.99) };
}

async function follow({ bus }: Surroundings, signal: AbortSignal, latencies: number[]): Promise<void> {
  for (;;) {
    for await (const { entry } of bus.events.follow(SOURCE, signal)) {
      const state = entry?.value.state;
      if (entry === undefined || state?.kind !== "present") continue;
      const created = state.versions[String(state.current)]?.createdTime;
      if (created !== undefined) latencies.push(Math.max(0, entry.time - Date.parse(created)));
    }
    if (signal.aborted) return;
  }
}

async function write({ api }: Surroundings, count: number): Promise<void> {
  const indexes = Array.from({ length: count }, (_, index) => index).values();
  const writer = async (): Promise<void> => {
    for (const index of indexes)
      await api.putSecret(MOUNT, `sweep-${String(index).padStart(7, "0")}`, { a: "1" });
  };
  await Promise.all(Array.from({ length: WRITERS }, writer));
}

async function sweep(surroundings: Surroundings): Promise<SweepFigures> {
  const secrets = Number(options.secrets);
  await write(surroundings, secrets);
  await associate(surroundings);
  const detector = await surroundings.startDetector({
    hints: false,
    sweepIntervalS: SWEEP_INTERVAL_S,
    program: options.program,
  });
  let rssPeakMb = 0;
  const sweeps = await eventually(
    async () => {
      rssPeakMb = Math.max(rssPeakMb, await rss(detector));
      return sweepsOf(detector);
    },
    { what: "three sweeps", until: (done) => done.length >= 3, timeoutMs: 600_000 },
  );
  const rssMb = await rss(detector);
  await detector.stop();
  const idle = sweeps[2];
  const first = sweeps[0];
  if (idle === undefined || first === undefined) throw new Error("no sweep was told of");
  return {
    secrets,
    firstS: first.tookMs / 1e3,
    idleS: idle.tookMs / 1e3,
    idleCalls: await callsBetween(surroundings.bao.auditFile, idle.startedAt, idle.endedAt),
    rssMb,
    rssPeakMb,
    rssToReachMb: MEMORY_BASE_MB + Math.ceil(secrets / 1e3),
  };
}

async function rss(detector: Service): Promise<number> {
  return Math.round((await gauge(detector, "process_resident_memory_bytes")) / 1e6);
}

/** Calls that the source's audit file tells of in a time; nobody but the detector calls then. */
async function callsBetween(auditFile: string, from: number, to: number): Promise<number> {
  let calls = 0;
  for await (const line of createInterface({ input: createReadStream(auditFile) })) {
    const time = /"time":"([^"]+)"/.exec(line)?.[1];
    const at = Date.parse(time ?? "");
    if (at >= from - 1 && at <= to + 1 && line.includes('"type":"request"')) calls += 1;
  }
  return calls;
}

function table(figures: { latency?: Latency; sweep?: SweepFigures }): string {
  const lines: string[] = [];
  const row = (what: string, value: string, reach: string): void => {
    lines.push(`${what.padEnd(52)} ${value.padStart(10)}   ${reach}`);
  };
  if (figures.latency !== undefined) {
    const { rate, events, p50Ms, p95Ms, p99Ms } = figures.latency;
    lines.push(`commit to published event by audit file, ${rate} changes/s, ${events} events`);
    row("  p50 / p95 / p99 ms", `${p50Ms} / ${p95Ms} / ${p99Ms}`, "to reach: p50 ≤ 10");
  }
  if (figures.sweep !== undefined) {
    const { secrets, firstS, idleS, idleCalls, rssMb, rssPeakMb, rssToReachMb } = figures.sweep;
    lines.push(`sweep of ${secrets} secrets in one folder, pages of 500`);
    row("  first, with an event for each secret, s", firstS.toFixed(2), "to reach: ≤ 30 for 100,000");
    row("  idle, s", idleS.toFixed(2), "");
    row("  idle, calls to the source", String(idleCalls), "to reach: ≤ 25 for 10,000");
    row("  memory after it (RSS), MB", String(rssMb), `to reach: ≤ ${rssToReachMb}`);
    row("  highest seen, MB", String(rssPeakMb), "");
  }
  return `${lines.join("\n")}\n`;
}

async function main(): Promise<void> {
  const wants = (part: string): boolean => options.part === part || options.part === "all";
  const figures: { latency?: Latency; sweep?: SweepFigures } = {};
  if (wants("latency")) {
    await using surroundings = await openSurroundings();
    figures.latency = await latency(surroundings);
  }
  if (wants("sweep")) {
    await using surroundings = await openSurroundings();
    figures.sweep = await sweep(surroundings);
  }
  process.stdout.write(options.json ? `${JSON.stringify(figures)}\n` : table(figures));
}

await main();
