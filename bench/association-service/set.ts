// The API under load: sets a second with answers that grow row by row, the list of all associations, and what the
// gateway adds to a read of a KV secret. OpenBao, NATS and the association-service are processes of their own on this
// machine; this process is the clients.
//
//   node bench/association-service/set.ts [--sets 2000] [--associations 10000] [--concurrency 16] [--reads 2000]
//     [--warm-up 2000] [--program dist/association-service/main.mjs] [--json]
//
// Each set is answered with all rows of its destination, as Vault answers, so that it is measured twice: over ten destinations,
// and with one that grows to all `--sets`. For the list copies of that one's associations are put into further destinations
// until there are about `--associations`.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { connectBus } from "@keyferry/bus";
import { silentLogger, systemClock, systemRandom } from "@keyferry/ports";
import {
  freePort,
  type OpenBaoServer,
  type Service,
  startNats,
  startOpenBao,
  startService,
  VaultApi,
} from "@keyferry/testkit";

const MOUNT = "bench-kv";
const FILL_AT_ONCE = 64;
const WARM_UP = "bench-warm-up";
const ONE = "bench-0";
const SPREAD = Array.from({ length: 10 }, (_, index) => `bench-spread-${index}`);
/** A destination with a vault of its own: two with one vault would refuse each other's names. */
const connection = (name: string) => ({
  key_vault_uri: `https://${name}.vault.azure.net`,
  tenant_id: "11111111-2222-3333-4444-555555555555",
  client_id: "66666666-7777-8888-9999-000000000000",
});

const { values: options } = parseArgs({
  options: {
    sets: { type: "string", default: "2000" },
    associations: { type: "string", default: "10000" },
    concurrency: { type: "string", default: "16" },
    reads: { type: "string", default: "2000" },
    "warm-up": { type: "string", default: "2000" },
    program: { type: "string" },
    json: { type: "boolean", default: false },
  },
});
const concurrency = Number(options.concurrency);
const agent = new Agent({ keepAlive: true, maxSockets: concurrency });

interface SetFigures {
  readonly sets: number;
  /** How many rows the last answers had. */
  readonly rows: number;
  readonly setsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** CPU time of the service's process for each set, the resolver's share included. */
  readonly serviceCpuMsPerSet: number;
  /** The part of it that is not the kernel's. */
  readonly userCpuMsPerSet: number;
  /** What one core would give if nothing else were short: 1000 / CPU time. */
  readonly setsPerCoreSecond: number;
}

interface Figures {
  /** Over ten destinations. */
  readonly set: SetFigures;
  /** Into one. */
  readonly setOne: SetFigures;
  readonly list: { readonly associations: number; readonly bestMs: number };
  /** Resident memory of the service (API and resolver) with all those associations, after the lists, MB. */
  readonly memory: { readonly associations: number; readonly rssMb: number };
  readonly gateway: { readonly directP50Ms: number; readonly gatewayP50Ms: number; readonly addedMs: number };
}

/** One exchange; the body is read to its end and counted, not parsed: the clients share the machine. */
function exchange(
  origin: string,
  token: string,
  method: string,
  path: string,
  body?: unknown,
): Promise<number> {
  return new Promise((done, reject) => {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const headers = {
      "x-vault-token": token,
      ...(text === undefined ? {} : { "content-length": Buffer.byteLength(text) }),
    };
    const sent = request(`${origin}/v1/${path}`, { agent, method, headers }, (answer) => {
      let bytes = 0;
      answer.on("data", (piece: Buffer) => {
        bytes += piece.length;
      });
      answer.on("error", reject);
      answer.on("end", () => {
        if (answer.statusCode === 200) done(bytes);
        else reject(new Error(`${method} ${path} answered ${answer.statusCode}`));
      });
    });
    sent.on("error", reject);
    sent.end(text);
  });
}

/** Runs `work` for 0 to count-1, so many at once; gives the sorted times, ms. */
async function inFlight(
  count: number,
  atOnce: number,
  work: (index: number) => Promise<unknown>,
): Promise<number[]> {
  const times: number[] = [];
  let next = 0;
  const one = async (): Promise<void> => {
    while (next < count) {
      const index = next;
      next += 1;
      const began = performance.now();
      await work(index);
      times.push(performance.now() - began);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, one));
  return times.sort((a, b) => a - b);
}

const at = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;

/** CPU seconds of the service's process so far, all and in its own code. */
async function cpuSeconds(service: Service): Promise<{ readonly all: number; readonly user: number }> {
  const text = await service.metrics();
  const of = (name: string): number =>
    Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)`, "m").exec(text)?.[1] ?? Number.NaN);
  return { all: of("process_cpu_seconds_total"), user: of("process_cpu_user_seconds_total") };
}

async function rssMb(service: Service): Promise<number> {
  const text = await service.metrics();
  const bytes = /^process_resident_memory_bytes(?:\{[^}]*\})? (\S+)/m.exec(text)?.[1];
  return Math.round(Number(bytes) / 1e6);
}

async function start(folder: string, bao: OpenBaoServer, natsUrl: string): Promise<[Service, string]> {
  const healthPort = await freePort();
  const tokenFile = join(folder, "token");
  await writeFile(tokenFile, bao.rootToken, { mode: 0o600 });
  const configFile = join(folder, "keyferry.yaml");
  const configuration = {
    source: { name: "main", address: bao.url },
    nats: { servers: [natsUrl] },
    associationService: {
      listen: `127.0.0.1:${healthPort}`,
      token: `file:${tokenFile}`,
      api: { listen: "127.0.0.1:0" },
      gateway: { enabled: true },
    },
  };
  await writeFile(configFile, JSON.stringify(configuration));
  const service = await startService("association-service", {
    configFile,
    healthPort,
    env: environment(),
    ...(options.program === undefined ? {} : { program: resolve(options.program) }),
  });
  return [service, `http://${await service.announced("api")}`];
}

// As the image has it. `BENCH_PROFILE=FOLDER` writes a CPU profile of the service there.
function environment(): Record<string, string> {
  const folder = process.env["BENCH_PROFILE"];
  const profile = folder === undefined ? "" : ` --cpu-prof --cpu-prof-dir=${folder}`;
  return { NODE_OPTIONS: `--max-semi-space-size=8${profile}`, MALLOC_ARENA_MAX: "2" };
}

async function measureSets(
  service: Service,
  set: (destination: string, index: number) => Promise<unknown>,
  destinations: readonly string[],
): Promise<SetFigures> {
  const sets = Number(options.sets);
  const before = await cpuSeconds(service);
  const began = performance.now();
  const times = await inFlight(sets, concurrency, (index) =>
    set(destinations[index % destinations.length] ?? "", index),
  );
  const seconds = (performance.now() - began) / 1_000;
  const after = await cpuSeconds(service);
  const serviceCpuMsPerSet = ((after.all - before.all) * 1_000) / sets;
  return {
    sets,
    rows: Math.ceil(sets / destinations.length),
    setsPerSecond: sets / seconds,
    p50Ms: at(times, 0.5),
    p99Ms: at(times, 0.99),
    serviceCpuMsPerSet,
    userCpuMsPerSet: ((after.user - before.user) * 1_000) / sets,
    setsPerCoreSecond: 1_000 / serviceCpuMsPerSet,
  };
}

/** Fills the other destinations with copies of the first one's associations, straight into the bucket. */
async function fill(natsUrl: string): Promise<void> {
  const ports = { logger: silentLogger, clock: systemClock, random: systemRandom };
  await using bus = await connectBus({ servers: [natsUrl], name: "bench", ...ports });
  const stop = new AbortController();
  await bus.ready(stop.signal);
  const [destinations, view] = [
    await bus.destinations.watch(stop.signal),
    await bus.associations.watch(stop.signal),
  ];
  await Promise.all([destinations.caughtUp(), view.caughtUp()]);
  const uidOf = new Map([...destinations.entries()].map(([, { value }]) => [value.name, value.uid]));
  const first = uidOf.get(ONE);
  const originals = [...view.entries()].flatMap(([, { value }]) =>
    value.destination === first ? [value] : [],
  );
  const others = [...uidOf].flatMap(([name, uid]) => (name.startsWith("bench-copy-") ? [uid] : []));
  const copies = others.flatMap((uid) => originals.map((original) => ({ uid, original })));
  await inFlight(copies.length, FILL_AT_ONCE, async (index) => {
    const copy = copies[index];
    if (copy === undefined) return;
    const { uid, original } = copy;
    await bus.associations.put(`${uid}.${original.secretKey}`, { ...original, destination: uid }, 0);
  });
  stop.abort();
}

/** Destinations with copies, beside the two lots that are set. */
function copies(): number {
  return Math.max(0, Math.ceil(Number(options.associations) / Number(options.sets)) - 2);
}

async function measureList(api: string, token: string, natsUrl: string): Promise<Figures["list"]> {
  await fill(natsUrl);
  const times = await inFlight(5, 1, () => exchange(api, token, "GET", "sys/sync/associations?list=true"));
  return { associations: (copies() + 2) * Number(options.sets), bestMs: at(times, 0) };
}

// Read in turn, so that both sides meet the same neighbours on the machine.
async function measureGateway(bao: OpenBaoServer, api: string): Promise<Figures["gateway"]> {
  const direct: number[] = [];
  const through: number[] = [];
  for (let index = 0; index < Number(options.reads); index += 1) {
    for (const [origin, times] of [
      [bao.url, direct],
      [api, through],
    ] as const) {
      const began = performance.now();
      await exchange(origin, bao.rootToken, "GET", `${MOUNT}/data/app/secret-0`);
      times.push(performance.now() - began);
    }
  }
  const p50 = (times: number[]): number =>
    at(
      times.sort((a, b) => a - b),
      0.5,
    );
  const [directP50Ms, gatewayP50Ms] = [p50(direct), p50(through)];
  return { directP50Ms, gatewayP50Ms, addedMs: gatewayP50Ms - directP50Ms };
}

async function measure(folder: string): Promise<Figures> {
  await using bao = await startOpenBao();
  await using nats = await startNats();
  const token = bao.rootToken;
  const root = new VaultApi(bao.url, token);
  await root.mountKv2(MOUNT);
  // A fresh KVv2 mount answers 400 for a moment.
  while ((await root.call("GET", `${MOUNT}/config`)).status !== 200) await new Promise(setImmediate);
  const write = (index: number) =>
    exchange(bao.url, token, "POST", `${MOUNT}/data/app/secret-${index}`, {
      data: { user: "u", password: "p" },
    });
  await inFlight(Number(options.sets), concurrency, write);
  const [service, api] = await start(folder, bao, nats.url);
  try {
    const create = (name: string) =>
      exchange(api, token, "PUT", `sys/sync/destinations/azure-kv/${name}`, connection(name));
    const copied = Array.from({ length: copies() }, (_, index) => `bench-copy-${index}`);
    for (const name of [WARM_UP, ONE, ...SPREAD, ...copied]) await create(name);
    const gateway = await measureGateway(bao, api);
    const setInto = (destination: string, index: number) =>
      exchange(api, token, "PUT", `sys/sync/destinations/azure-kv/${destination}/associations/set`, {
        mount: MOUNT,
        secret_name: `app/secret-${index}`,
      });
    // What the compiler of the service does once is not what a set costs.
    const warmUp = Math.min(Number(options["warm-up"]), Number(options.sets));
    await inFlight(warmUp, concurrency, (index) => setInto(WARM_UP, index));
    const set = await measureSets(service, setInto, SPREAD);
    const setOne = await measureSets(service, setInto, [ONE]);
    const list = await measureList(api, token, nats.url);
    return {
      set,
      setOne,
      list,
      memory: { associations: list.associations, rssMb: await rssMb(service) },
      gateway,
    };
  } finally {
    await service.stop();
  }
}

function setRows(set: SetFigures): [string, string, string][] {
  return [
    [`set, ${concurrency} in flight, answers to ${set.rows} rows`, `${set.setsPerSecond.toFixed(0)} /s`, ""],
    ["  CPU time of the service for each", `${set.serviceCpuMsPerSet.toFixed(2)} ms`, "≤ 2"],
    ["  of that in user mode", `${set.userCpuMsPerSet.toFixed(2)} ms`, ""],
    ["  sets a second of one core", `${set.setsPerCoreSecond.toFixed(0)} /s`, "≥ 500"],
    ["  p50 / p99", `${set.p50Ms.toFixed(0)} / ${set.p99Ms.toFixed(0)} ms`, ""],
  ];
}

function table({ set, setOne, list, memory, gateway }: Figures): string {
  const rows: [string, string, string][] = [
    ...setRows(set),
    ...setRows(setOne),
    [`list of ${list.associations} associations, best of 5`, `${list.bestMs.toFixed(0)} ms`, "≤ 1000"],
    [`memory (RSS) with ${memory.associations} associations`, `${memory.rssMb} MB`, ""],
    ["KV read, direct, p50", `${gateway.directP50Ms.toFixed(2)} ms`, ""],
    ["KV read, through the gateway, p50", `${gateway.gatewayP50Ms.toFixed(2)} ms`, ""],
    ["  added by the gateway", `${gateway.addedMs.toFixed(2)} ms`, "≤ 2"],
  ];
  return rows
    .map(([what, figure, wanted]) => `${what.padEnd(48)} ${figure.padStart(14)} ${wanted}`)
    .join("\n");
}

const folder = await mkdtemp(join(tmpdir(), "keyferry-bench-"));
try {
  const figures = await measure(folder);
  process.stdout.write(`${options.json ? JSON.stringify(figures) : table(figures)}\n`);
} finally {
  agent.destroy();
  await rm(folder, { recursive: true, force: true });
}
