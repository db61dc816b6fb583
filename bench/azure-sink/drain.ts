// How fast one sink drains a backlog where nothing limits it, against a bare loop of setSecret with the same
// concurrency, on the same emulator, in the same run. The sink's own pacing can't be turned off; it is per vault, so the
// backlog is spread over enough vaults that it is nobody's bottleneck.
// Run: node bench/azure-sink/drain.ts [--secrets 1200] [--vaults 40] [--json]
import { readFile } from "node:fs/promises";
import { Agent } from "node:https";
import { parseArgs } from "node:util";
import { ClientSecretCredential } from "@azure/identity";
import { SecretClient } from "@azure/keyvault-secrets";
import { DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET, DEFAULT_TENANT_ID } from "@keyferry/key-vault-emulator";
import { STACK_MOUNT, VaultApi } from "@keyferry/testkit";
import { forEach, pathsOf, type SinkStack, startSinkStack } from "./sink-stack.ts";

/** The pacing of one vault, creates a second. */
const PACE = 28.5;
const { values: options } = parseArgs({
  options: {
    secrets: { type: "string", default: "1200" },
    vaults: { type: "string", default: "40" },
    json: { type: "boolean", default: false },
  },
});
const vaultCount = Number(options.vaults);
const perVault = Math.ceil(Number(options.secrets) / vaultCount);
const vaults = Array.from({ length: vaultCount }, (_, index) => `bench-drain-${index}`);
const pathsIn = (vault: string): string[] => pathsOf(`p-${vault}`, perVault);
const allPaths = vaults.flatMap(pathsIn);

/** Secrets a second between the first and the last, the start of the process left out. */
function rateOf(times: readonly number[]): number {
  const [first = 0] = times;
  const last = times.at(-1) ?? 0;
  return ((times.length - 1) * 1_000) / (last - first);
}

interface Figures {
  readonly perSecond: number;
  /** Processor time of the process itself, ms a secret: what other load on the machine disturbs least. */
  readonly cpuMs: number;
}

/** Drains a backlog by one sink with one command in hand per vault. */
async function drain(bench: SinkStack, version: number): Promise<Figures> {
  await bench.backlog(allPaths.length, version);
  await bench.startSink(1);
  const before = await bench.sinkCpuS();
  const times = await bench.setTimes(vaults, allPaths.length * version);
  const cpuMs = (((await bench.sinkCpuS()) - before) * 1_000) / allPaths.length;
  await bench.stopSinks();
  return { perSecond: rateOf(times.slice(-allPaths.length)), cpuMs };
}

interface BareOptions {
  /** Reads each secret's value from OpenBao first, as a sink has to. */
  readonly reads: boolean;
}

async function bare({ stack }: SinkStack, { reads }: BareOptions): Promise<Figures> {
  const ca = await readFile(stack.keyVault.caFile, "utf8");
  const agent = new Agent({
    ca,
    keepAlive: true,
    maxSockets: vaultCount,
    lookup: (_host, lookupOptions, done) =>
      lookupOptions.all === true
        ? done(null, [{ address: "127.0.0.1", family: 4 }])
        : done(null, "127.0.0.1", 4),
  });
  const credential = new ClientSecretCredential(DEFAULT_TENANT_ID, DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET, {
    authorityHost: stack.keyVault.authorityHost,
    disableInstanceDiscovery: true,
    tlsOptions: { ca },
  });
  const source = new VaultApi(stack.openbao.url, stack.openbao.rootToken);
  const clients = vaults.map(
    (vault) => new SecretClient(stack.keyVault.vaultUrl(`bare-${vault}`), credential, { agent }),
  );
  await Promise.all(clients.map((client) => client.setSecret("warm", "warm")));
  const times: number[] = [];
  const before = process.cpuUsage();
  await forEach(
    allPaths.map((path, index) => ({ path, client: clients[index % vaultCount] })),
    async ({ path, client }) => {
      const value = reads
        ? JSON.stringify(await source.expect("GET", `${STACK_MOUNT}/data/${path}`))
        : "v".repeat(190);
      await client?.setSecret(path, value);
      times.push(performance.now());
    },
    vaultCount,
  );
  const { user, system } = process.cpuUsage(before);
  agent.destroy();
  return { perSecond: rateOf(times), cpuMs: (user + system) / 1_000 / allPaths.length };
}

await using bench = await startSinkStack("off");
for (const vault of vaults) await bench.associate(vault, pathsIn(vault));
const fresh = await drain(bench, 1);
await bench.write(allPaths);
const changed = await drain(bench, 2);
const setOnly = await bare(bench, { reads: false });
const readAndSet = await bare(bench, { reads: true });
const figures = {
  secrets: allPaths.length,
  vaults: vaultCount,
  ceiling: PACE * vaultCount,
  fresh,
  changed,
  setOnly,
  readAndSet,
};
if (options.json) {
  process.stdout.write(
    `${JSON.stringify({ ...figures, ratio: changed.perSecond / setOnly.perSecond, cpuRatio: setOnly.cpuMs / changed.cpuMs })}\n`,
  );
} else {
  const row = (name: string, { perSecond, cpuMs }: Figures): string => {
    const ratios = [perSecond / setOnly.perSecond, perSecond / readAndSet.perSecond];
    return `| ${name} | ${perSecond.toFixed(0)} | ${ratios.map((one) => one.toFixed(2)).join(" | ")} | ${cpuMs.toFixed(2)} |`;
  };
  process.stdout.write(
    [
      `${allPaths.length} secrets in ${vaultCount} vaults, ${vaultCount} in flight; the sink's pacing would allow ${(PACE * vaultCount).toFixed(0)}/s`,
      "| what | secrets/s | against set | against read and set | own CPU, ms a secret |",
      "| --- | ---: | ---: | ---: | ---: |",
      row("one sink, new versions of names of ours", changed),
      row("one sink, names that are new (one look each)", fresh),
      row("bare SDK loop, set", setOnly),
      row("bare SDK loop, read and set", readAndSet),
      "To reach: 0.7 of the bare loop.\n",
    ].join("\n"),
  );
}
