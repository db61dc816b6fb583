// How fast one sink drains a backlog where nothing limits it, against a bare loop of the SDK with as many in flight, on
// the same emulator, in the same run: on loopback, where only the processor counts, and with every call to Key Vault as
// late as a call to Azure is. The sink's own pacing can't be turned off; it is per vault, so the backlog is spread over
// as many vaults as there are in flight, one for each.
// Run: node bench/azure-sink/drain.ts [--secrets 1600] [--vaults 16] [--azure-ms 30] [--profile DIR] [--json]
import { readFile } from "node:fs/promises";
import { Agent } from "node:https";
import { parseArgs } from "node:util";
import { ClientSecretCredential } from "@azure/identity";
import { SecretClient } from "@azure/keyvault-secrets";
import { DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET, DEFAULT_TENANT_ID } from "@keyferry/key-vault-emulator";
import { STACK_MOUNT, VaultApi } from "@keyferry/testkit";
import { forEach, pathsOf, say, type SinkStack, startSinkStack } from "./sink-stack.ts";

/** The pacing of one vault, creates a second. */
const PACE = 28.5;
const PREFIX = "drain-";
const { values: options } = parseArgs({
  options: {
    secrets: { type: "string", default: "1600" },
    // The sink's default for one destination.
    vaults: { type: "string", default: "16" },
    "azure-ms": { type: "string", default: "30" },
    profile: { type: "string" },
    json: { type: "boolean", default: false },
  },
});
const vaultCount = Number(options.vaults);
const perVault = Math.ceil(Number(options.secrets) / vaultCount);
const vaults = Array.from({ length: vaultCount }, (_, index) => `bench-drain-${index}`);
const pathsIn = (vault: string): string[] => pathsOf(`${PREFIX}${vault}`, perVault);
const allPaths = vaults.flatMap(pathsIn);

interface Figures {
  readonly perSecond: number;
  /** Processor time of the process itself, ms a secret: what other load on the machine disturbs least. */
  readonly cpuMs: number;
  /** Of the servers that it works with: OpenBao, NATS, Redis, the emulator. */
  readonly serversCpuMs: number;
}

/** Secrets a second between the first and the last, the start of the process left out. */
function rateOf(times: readonly number[]): number {
  const [first = 0] = times;
  const last = times.at(-1) ?? 0;
  return ((times.length - 1) * 1_000) / (last - first);
}

/**
 * Drains a backlog of the secrets' `version` by the one sink, with one command in hand per vault. It runs all the time, as
 * sinks do: what its first second costs is not what is measured.
 */
async function drain(bench: SinkStack, version: number): Promise<Figures> {
  await bench.backlog(allPaths.length, { prefix: PREFIX, version });
  await bench.stopDetector();
  say(`draining ${allPaths.length} of version ${version}`);
  const before = await bench.sinkCpuS();
  const serversBefore = await bench.serversCpuS();
  await bench.resume();
  await bench.stopOthers();
  const times = await bench.setTimes(vaults, allPaths.length * version);
  const cpuMs = (((await bench.sinkCpuS()) - before) * 1_000) / allPaths.length;
  const serversCpuMs = (((await bench.serversCpuS()) - serversBefore) * 1_000) / allPaths.length;
  await bench.startOthers();
  return { perSecond: rateOf(times.slice(-allPaths.length)), cpuMs, serversCpuMs };
}

async function drainNext(bench: SinkStack, version: number): Promise<Figures> {
  await bench.pause();
  await bench.write(allPaths);
  return await drain(bench, version);
}

interface BareOptions {
  /** Reads each secret's value from OpenBao first, as a sink has to. */
  readonly reads: boolean;
}

async function bare(bench: SinkStack, { reads }: BareOptions): Promise<Figures> {
  const { stack } = bench;
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
  const serversBefore = await bench.serversCpuS();
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
  const serversCpuMs = (((await bench.serversCpuS()) - serversBefore) * 1_000) / allPaths.length;
  return { perSecond: rateOf(times), cpuMs: (user + system) / 1_000 / allPaths.length, serversCpuMs };
}

/** Of a loop, with nothing else of Keyferry running but its servers. */
async function bareLoops(bench: SinkStack): Promise<{ setOnly: Figures; readAndSet: Figures }> {
  await bench.stopOthers();
  say("bare loops");
  const setOnly = await bare(bench, { reads: false });
  const readAndSet = await bare(bench, { reads: true });
  await bench.startOthers();
  return { setOnly, readAndSet };
}

await using bench = await startSinkStack("off");
say(`associating ${allPaths.length} secrets`);
await bench.pause();
await bench.startSink(1, options.profile);
for (const vault of vaults) await bench.associate(vault, pathsIn(vault));
const fresh = await drain(bench, 1);
const changed = await drainNext(bench, 2);
const loopback = await bareLoops(bench);
const azureMs = Number(options["azure-ms"]);
await bench.stack.keyVault.control("POST", "faults", { fault: { kind: "latency", ms: azureMs } });
const azureChanged = await drainNext(bench, 3);
const azure = await bareLoops(bench);
const figures = {
  secrets: allPaths.length,
  vaults: vaultCount,
  ceiling: PACE * vaultCount,
  azureMs,
  fresh,
  changed,
  ...loopback,
  azure: { changed: azureChanged, ...azure },
};
if (options.json) {
  process.stdout.write(
    `${JSON.stringify({
      ...figures,
      ratio: changed.perSecond / loopback.setOnly.perSecond,
      azureRatio: azureChanged.perSecond / azure.setOnly.perSecond,
      cpuRatio: loopback.setOnly.cpuMs / changed.cpuMs,
    })}\n`,
  );
} else {
  const row = (way: string, name: string, one: Figures, loops: typeof loopback): string => {
    const { perSecond, cpuMs, serversCpuMs } = one;
    const ratios = [perSecond / loops.setOnly.perSecond, perSecond / loops.readAndSet.perSecond];
    return `| ${way} | ${name} | ${perSecond.toFixed(0)} | ${ratios.map((one) => one.toFixed(2)).join(" | ")} | ${cpuMs.toFixed(2)} | ${serversCpuMs.toFixed(2)} |`;
  };
  const late = `${azureMs} ms`;
  process.stdout.write(
    [
      `${allPaths.length} secrets in ${vaultCount} vaults, ${vaultCount} in flight; the sink's pacing would allow ${(PACE * vaultCount).toFixed(0)}/s`,
      "| Key Vault answers | what | secrets/s | against set | against read and set | own CPU, ms a secret | the servers' |",
      "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
      row("at once", "one sink, new versions of names of ours", changed, loopback),
      row("at once", "one sink, names that are new (one look each)", fresh, loopback),
      row("at once", "bare SDK loop, set", loopback.setOnly, loopback),
      row("at once", "bare SDK loop, read and set", loopback.readAndSet, loopback),
      row(`after ${late}`, "one sink, new versions of names of ours", azureChanged, azure),
      row(`after ${late}`, "bare SDK loop, set", azure.setOnly, azure),
      row(`after ${late}`, "bare SDK loop, read and set", azure.readAndSet, azure),
      "To reach: 0.7 of the bare loop.\n",
    ].join("\n"),
  );
}
