// The change-detector alone: from the source's commit to the published event by each channel, what a sweep of many secrets
// costs in calls, seconds and memory, and how long a standby takes to go on after a kill.
//
//   node bench/change-detector/detector.ts [--part latency|sweep|hand-over|all] [--secrets 10000] [--rate 20] [--seconds 15]
//     [--channels audit-file,audit-socket,gateway] [--program dist/change-detector/main.mjs] [--json]
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { eventually, type Service } from "@keyferry/testkit";
import {
  associate,
  type Channel,
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
    channels: { type: "string", default: "audit-file,audit-socket,gateway" },
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

const CHANNELS = ["audit-file", "audit-socket", "gateway"] as const satisfies readonly Channel[];
const HAND_OVER_RATE = 50;
const HAND_OVER_S = 8; // the standby takes over after three

interface Latency {
  readonly channel: Channel;
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
async function latency(surroundings: Surroundings, channel: Channel): Promise<Latency> {
  const gateway = channel === "gateway" ? await surroundings.startGateway() : undefined;
  const api = gateway?.api ?? surroundings.api;
  const detector = await surroundings.startDetector({
    channel,
    sweepIntervalS: 3_600,
    program: options.program,
  });
  const latencies: number[] = [];
  const stop = new AbortController();
  const following = follow(surroundings, stop.signal, `${channel}-`, latencies);
  const rate = Number(options.rate);
  const count = rate * Number(options.seconds);
  // The first connection of a socket device is made with the first entry, which is lost to it.
  await api.putSecret(MOUNT, "first", { a: "1" });
  for (let index = 0; index < LATENCY_SECRETS; index += 1) {
    await api.putSecret(MOUNT, `${channel}-${index}`, { a: "1" });
  }
  await eventually(() => latencies.length >= LATENCY_SECRETS, { what: "the first events" });
  latencies.length = 0;
  await steadily(rate, count, (index) =>
    api.putSecret(MOUNT, `${channel}-${index % LATENCY_SECRETS}`, { a: "1" }),
  );
  await eventually(() => latencies.length >= count, { what: "an event of each change" }).catch(
    () => undefined,
  ); // fewer: told
  stop.abort();
  await following;
  await detector.stop();
  await gateway?.service.stop();
  const sorted = latencies.toSorted((a, b) => a - b);
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return { channel, rate, events: sorted.length, p50Ms: at(0.5), p95Ms: at(0.95), p99Ms: at(0.99) };
}

/** Does `count` things, so many a second, however long each takes. */
async function steadily(
  rate: number,
  count: number,
  act: (index: number) => Promise<unknown>,
): Promise<void> {
  const began = performance.now();
  for (let index = 0; index < count; index += 1) {
    const waitMs = began + (index * 1_000) / rate - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    await act(index);
  }
}

interface HandOver {
  readonly rate: number;
  /** From SIGKILL of the working detector to the first event of the other. */
  readonly gapMs: number;
  /** Secrets whose last event is not what the server has. */
  readonly lost: number;
}

/** Kills the working detector under load while another stands by. */
async function handOver(surroundings: Surroundings): Promise<HandOver> {
  const { api, bus } = surroundings;
  await associate(surroundings);
  const start = () =>
    surroundings.startDetector({ channel: "audit-file", sweepIntervalS: 3_600, program: options.program });
  const first = await start();
  const second = await start();
  const last = new Map<string, number>();
  const times: number[] = [];
  const stop = new AbortController();
  const following = (async () => {
    for await (const { entry } of bus.events.follow(SOURCE, stop.signal)) {
      if (entry?.value.state.kind !== "present") continue;
      last.set(entry.value.secret.path, entry.value.state.current);
      times.push(entry.time);
    }
  })();
  const written = new Map<string, number>();
  let killedAt = 0;
  await steadily(HAND_OVER_RATE, HAND_OVER_RATE * HAND_OVER_S, async (index) => {
    const path = `over-${index % LATENCY_SECRETS}`;
    written.set(path, await api.putSecret(MOUNT, path, { a: "1" }));
    if (index !== HAND_OVER_RATE) return;
    killedAt = Date.now();
    await first.kill();
  });
  const missing = () => [...written].filter(([path, version]) => last.get(path) !== version).length;
  await eventually(() => missing() === 0, { what: "every change" }).catch(() => undefined); // told
  stop.abort();
  await following;
  await Promise.all([first.stop(), second.stop()]);
  // What the killed one had sent arrives within milliseconds; the other's first event is seconds later.
  const gaps = times.flatMap((time, index) => {
    const before = times[index - 1];
    return before === undefined || time < killedAt ? [] : [time - Math.max(before, killedAt)];
  });
  return { rate: HAND_OVER_RATE, gapMs: Math.max(...gaps), lost: missing() };
}

async function follow(
  { bus }: Surroundings,
  signal: AbortSignal,
  prefix: string,
  latencies: number[],
): Promise<void> {
  for (;;) {
    for await (const { entry } of bus.events.follow(SOURCE, signal)) {
      const state = entry?.value.state;
      if (entry === undefined || state?.kind !== "present") continue;
      if (!entry.value.secret.path.startsWith(prefix)) continue;
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
    channel: "none",
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

interface Figures {
  latencies?: Latency[];
  sweep?: SweepFigures;
  handOver?: HandOver;
}

function table(figures: Figures): string {
  const lines: string[] = [];
  const row = (what: string, value: string, reach: string): void => {
    lines.push(`${what.padEnd(52)} ${value.padStart(12)}   ${reach}`);
  };
  for (const { channel, rate, events, p50Ms, p95Ms, p99Ms } of figures.latencies ?? []) {
    lines.push(`commit to published event by ${channel}, ${rate} changes/s, ${events} events`);
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
  if (figures.handOver !== undefined) {
    const { rate, gapMs, lost } = figures.handOver;
    lines.push(`kill -9 of the working detector under ${rate} changes/s, with a standby`);
    row("  to the first event of the standby, ms", String(gapMs), "");
    row("  secrets whose last change is lost", String(lost), "to reach: 0");
  }
  return `${lines.join("\n")}\n`;
}

async function main(): Promise<void> {
  const wants = (part: string): boolean => options.part === part || options.part === "all";
  const figures: Figures = {};
  if (wants("latency")) {
    figures.latencies = [];
    await using surroundings = await openSurroundings();
    const wanted = options.channels.split(",");
    for (const channel of CHANNELS.filter((each) => wanted.includes(each))) {
      figures.latencies.push(await latency(surroundings, channel));
    }
  }
  if (wants("sweep")) {
    await using surroundings = await openSurroundings();
    figures.sweep = await sweep(surroundings);
  }
  if (wants("hand-over")) {
    await using surroundings = await openSurroundings();
    figures.handOver = await handOver(surroundings);
  }
  process.stdout.write(options.json ? `${JSON.stringify(figures)}\n` : table(figures));
}

await main();
