// Owns: which benchmarks there are, how each is run, and how what it prints becomes figures.
// Does not own: measuring. Each script beside this folder does that, and can be run alone.

import type { Reading } from "./figure.ts";

export interface Benchmark {
  readonly name: string;
  readonly what: string;
  readonly script: string;
  readonly args: readonly string[];
  /** More than one where a run is short and noisy; the medians are told. */
  readonly runs: number;
  /** It is ended after that; a machine that is busy with other work may need twice what an idle one does. */
  readonly minutesMax: number;
  readonly read: (printed: unknown) => readonly Reading[];
}

const atMost = (limit: number) => ({ is: "at-most", limit }) as const;
const atLeast = (limit: number) => ({ is: "at-least", limit }) as const;

interface Quantiles {
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const latency = (printed: unknown): readonly Reading[] => {
  const { keyferry, bare, azureMs } = printed as { keyferry: Quantiles; bare: Quantiles; azureMs: number };
  const way = azureMs === 0 ? "loopback" : `${azureMs} ms to Azure`;
  return [
    {
      what: `source commit to Key Vault, 20/s, ${way}, p50`,
      unit: "ms",
      value: keyferry.p50Ms,
      baseline: { what: "bare script", value: bare.p50Ms },
      aim: atMost(2),
    },
    {
      what: `source commit to Key Vault, 20/s, ${way}, p99`,
      unit: "ms",
      value: keyferry.p99Ms,
      baseline: { what: "bare script", value: bare.p99Ms },
      aim: atMost(5),
    },
  ];
};

const channels = (printed: unknown): readonly Reading[] => {
  const { latencies } = printed as { latencies: readonly (Quantiles & { channel: string })[] };
  return latencies.map(({ channel, p50Ms }) => ({
    what: `commit to event by ${channel}, 20/s, p50`,
    unit: "ms",
    value: p50Ms,
    aim: atMost(10),
  }));
};

interface Sweep {
  readonly secrets: number;
  readonly firstS: number;
  readonly idleS: number;
  readonly idleCalls: number;
  readonly rssMb: number;
  readonly rssToReachMb: number;
}

const sweep = (printed: unknown): readonly Reading[] => {
  const { secrets, firstS, idleS, idleCalls, rssMb, rssToReachMb } = (printed as { sweep: Sweep }).sweep;
  return [
    { what: `sweep of ${secrets}, the first`, unit: "s", value: firstS, aim: atMost(30) },
    { what: `sweep of ${secrets}, nothing changed`, unit: "s", value: idleS, aim: atMost(30) },
    {
      what: `calls of an idle sweep of ${secrets}`,
      unit: "calls",
      value: idleCalls,
      aim: atMost(Math.max(25, secrets / 400)),
    },
    { what: `detector's memory with ${secrets}`, unit: "MB", value: rssMb, aim: atMost(rssToReachMb) },
  ];
};

const api = (printed: unknown): readonly Reading[] => {
  interface Sets {
    readonly rows: number;
    readonly setsPerCoreSecond: number;
    readonly setsPerSecond: number;
  }
  const { set, setOne, list, memory, gateway } = printed as {
    set: Sets;
    setOne: Sets;
    list: { associations: number; bestMs: number };
    memory: { associations: number; rssMb: number };
    gateway: { directP50Ms: number; gatewayP50Ms: number; addedMs: number };
  };
  return [
    ...[set, setOne].flatMap(({ rows, setsPerCoreSecond, setsPerSecond }) => [
      {
        what: `sets a second of one core, answers to ${rows} rows`,
        unit: "/s",
        value: setsPerCoreSecond,
        aim: atLeast(500),
      },
      { what: `  of all processes on this machine, to ${rows} rows`, unit: "/s", value: setsPerSecond },
    ]),
    { what: `list of ${list.associations} associations`, unit: "ms", value: list.bestMs, aim: atMost(1_000) },
    {
      what: `memory of API and resolver with ${memory.associations}`,
      unit: "MB",
      value: memory.rssMb,
      aim: atMost(150 + memory.associations / 1_000),
    },
    { what: "what the gateway adds to a KV read, p50", unit: "ms", value: gateway.addedMs, aim: atMost(2) },
  ];
};

const calls = (printed: unknown): readonly Reading[] => {
  const { writesPerChange, othersPerChange } = printed as {
    writesPerChange: number;
    othersPerChange: number;
  };
  return [
    { what: "versions per change", unit: "versions", value: writesPerChange, aim: atMost(1) },
    { what: "other calls per change", unit: "calls", value: othersPerChange, aim: atMost(0) },
  ];
};

interface Rate {
  readonly perSecond: number;
  readonly cpuMs: number;
}

type Drain = Record<"changed" | "setOnly" | "readAndSet", Rate>;

const drain = (printed: unknown): readonly Reading[] => {
  const { changed, setOnly, readAndSet, azureMs, vaults, azure } = printed as Drain & {
    azureMs: number;
    vaults: number;
    azure: Drain;
  };
  return [
    {
      what: `drain by one sink, ${vaults} in flight, Key Vault at once`,
      unit: "/s",
      value: changed.perSecond,
      baseline: { what: "bare loop of setSecret", value: setOnly.perSecond },
      aim: atLeast(0.7),
    },
    {
      what: `the same, against a loop that reads each value too (${vaults})`,
      unit: "/s",
      value: changed.perSecond,
      baseline: { what: "loop of read and setSecret", value: readAndSet.perSecond },
    },
    {
      what: `drain by one sink, ${vaults} in flight, ${azureMs} ms to Azure`,
      unit: "/s",
      value: azure.changed.perSecond,
      baseline: { what: "bare loop of setSecret", value: azure.setOnly.perSecond },
      aim: atLeast(0.7),
    },
    { what: `processor time of the sink a secret (${vaults} in flight)`, unit: "ms", value: changed.cpuMs },
  ];
};

interface BackFill {
  readonly secrets: number;
  readonly rows: readonly {
    readonly sinks: number;
    readonly seconds: number;
    readonly ratio: number;
    readonly calls: number;
    readonly throttled: number;
    readonly liveMs: number;
    readonly queuedBehind: number;
  }[];
}

const backFill = (printed: unknown): readonly Reading[] => {
  const { secrets, rows } = printed as BackFill;
  return rows.flatMap(({ sinks, seconds, ratio, calls: all, throttled, liveMs, queuedBehind }) => [
    {
      what: `back-fill of ${secrets}, ${sinks} ${sinks === 1 ? "sink" : "sinks"}`,
      unit: "s",
      value: seconds,
      baseline: { what: "n / 30 s", value: seconds / ratio },
      aim: atMost(1.06),
    },
    {
      what: `429s in 1,000 calls, ${sinks} ${sinks === 1 ? "sink" : "sinks"}`,
      unit: "",
      value: (throttled * 1_000) / all,
      aim: atMost(1),
    },
    {
      what: `live change during the back-fill, ${sinks} ${sinks === 1 ? "sink" : "sinks"}`,
      unit: "ms",
      value: liveMs,
      baseline: { what: `the queue of ${queuedBehind} before it`, value: (queuedBehind / 30) * 1_000 },
    },
  ]);
};

const rateGroup = (printed: unknown): readonly Reading[] => {
  const {
    vaults,
    perSecond,
    throttled,
    calls: all,
  } = printed as {
    vaults: number;
    perSecond: number;
    throttled: number;
    calls: number;
  };
  return [
    {
      what: `${vaults} vaults of one rate group`,
      unit: "/s",
      value: perSecond,
      baseline: { what: "the group's limit", value: 150 },
      aim: atLeast(0.9),
    },
    {
      what: `429s in 1,000 calls, ${vaults} vaults`,
      unit: "",
      value: (throttled * 1_000) / all,
      aim: atMost(1),
    },
  ];
};

const emulator = (printed: unknown): readonly Reading[] => {
  const { rows } = printed as { rows: readonly { client: string; setsPerSecond: number }[] };
  return rows.map(({ client, setsPerSecond }) => ({
    what: `emulator, sets by ${client}`,
    unit: "/s",
    value: setsPerSecond,
  }));
};

export const BENCHMARKS: readonly Benchmark[] = [
  bench("latency", "commit at the source to Key Vault, on loopback", "latency/latency.ts", [], {
    runs: 3,
    minutesMax: 6,
    read: latency,
  }),
  bench("latency-azure", "the same with 30 ms to Azure", "latency/latency.ts", ["--azure-ms", "30"], {
    runs: 1,
    minutesMax: 6,
    read: latency,
  }),
  bench(
    "channels",
    "commit to event, by each channel",
    "change-detector/detector.ts",
    ["--part", "latency"],
    { runs: 1, minutesMax: 8, read: channels },
  ),
  bench(
    "sweep-1k",
    "a sweep of 1,000 secrets",
    "change-detector/detector.ts",
    ["--part", "sweep", "--secrets", "1000"],
    { runs: 1, minutesMax: 6, read: sweep },
  ),
  bench(
    "sweep-10k",
    "a sweep of 10,000 secrets",
    "change-detector/detector.ts",
    ["--part", "sweep", "--secrets", "10000"],
    { runs: 1, minutesMax: 8, read: sweep },
  ),
  bench(
    "sweep-100k",
    "a sweep of 100,000 secrets",
    "change-detector/detector.ts",
    ["--part", "sweep", "--secrets", "100000"],
    { runs: 1, minutesMax: 20, read: sweep },
  ),
  bench("api", "set, list, gateway; memory with 10,000 associations", "association-service/set.ts", [], {
    runs: 3,
    minutesMax: 8,
    read: api,
  }),
  bench("calls", "Key Vault calls per change", "azure-sink/calls.ts", [], {
    runs: 1,
    minutesMax: 6,
    read: calls,
  }),
  bench(
    "drain",
    "a backlog without limits, four in flight: four times what one vault takes",
    "azure-sink/drain.ts",
    ["--vaults", "4", "--secrets", "640"],
    { runs: 3, minutesMax: 10, read: drain },
  ),
  bench("drain-16", "the same, sixteen in flight", "azure-sink/drain.ts", [], {
    runs: 1,
    minutesMax: 10,
    read: drain,
  }),
  bench(
    "back-fill",
    "3,000 secrets into one vault under Azure's limits, and a live change meanwhile",
    "azure-sink/back-fill.ts",
    ["--secrets", "3000", "--sinks", "1,4"],
    { runs: 1, minutesMax: 25, read: backFill },
  ),
  bench("rate-group", "vaults that share a subscription's limit", "azure-sink/rate-group.ts", [], {
    runs: 3,
    minutesMax: 10,
    read: rateGroup,
  }),
  bench(
    "emulator",
    "the emulator alone, so that it is not the bottleneck",
    "key-vault-emulator/sets.ts",
    [],
    { runs: 1, minutesMax: 6, read: emulator },
  ),
];

function bench(
  name: string,
  what: string,
  script: string,
  args: readonly string[],
  rest: Pick<Benchmark, "runs" | "minutesMax" | "read">,
): Benchmark {
  return { name, what, script, args, ...rest };
}
