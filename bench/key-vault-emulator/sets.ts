// Measures: sets a second against the Key Vault emulator (limits off), with a bare https client and with the SDK, and
// the CPU time that the emulator itself spends on a set. Client and emulator are processes of their own.
// Does not measure: Azure. Run: node bench/key-vault-emulator/sets.ts [--sets 6000] [--concurrency 32] [--json]
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { Agent, request } from "node:https";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { SecretClient } from "@azure/keyvault-secrets";

const CLI = fileURLToPath(new URL("../../packages/key-vault-emulator/src/cli.ts", import.meta.url));
const VALUE = "v".repeat(500);
/** Names repeat, as they do for a sink that writes new versions of known secrets. */
const NAMES = 1_000;

interface Measured {
  readonly client: string;
  readonly sets: number;
  readonly seconds: number;
  readonly setsPerSecond: number;
  readonly emulatorCpuUsPerSet: number;
  readonly clientCpuUsPerSet: number;
}

interface Ready {
  readonly port: number;
  readonly caFile: string;
}

const { values } = parseArgs({
  options: {
    sets: { type: "string", default: "6000" },
    concurrency: { type: "string", default: "32" },
    json: { type: "boolean", default: false },
  },
});
const sets = Number(values.sets);
const concurrency = Number(values.concurrency);

const emulator = spawn(process.execPath, [CLI, "--limits", "off"], { stdio: ["ignore", "pipe", "inherit"] });
try {
  const ready = await firstLine(emulator.stdout);
  const agent = new Agent({
    keepAlive: true,
    maxSockets: concurrency,
    ca: readFileSync(ready.caFile),
    lookup: (_host, options, done) => {
      if (options.all === true) done(null, [{ address: "127.0.0.1", family: 4 }]);
      else done(null, "127.0.0.1", 4);
    },
  });
  const { token } = (await call(agent, ready.port, "POST", "/_emulator/token", "{}")) as { token: string };
  const vaultUrl = `https://bench.vault.azure.net:${ready.port}`;
  const raw = rawSet(agent, vaultUrl, token);
  const credential = { getToken: async () => ({ token, expiresOnTimestamp: Date.now() + 3_600_000 }) };
  const client = new SecretClient(vaultUrl, credential, { agent, retryOptions: { maxRetries: 0 } });
  const sdk = async (name: string): Promise<void> => void (await client.setSecret(name, VALUE));

  const measured: Measured[] = [];
  for (const [label, set] of [
    ["https", raw],
    ["SDK", sdk],
  ] as const) {
    await run(set, Math.min(sets, 1_000)); // warm-up: connections, compiled code, the SDK's challenge
    measured.push(await measure(label, set, () => cpuMs(agent, ready.port)));
  }
  agent.destroy();
  report(measured);
} finally {
  emulator.kill("SIGTERM");
}

async function measure(
  client: string,
  set: (name: string) => Promise<void>,
  emulatorCpuMs: () => Promise<number>,
): Promise<Measured> {
  const emulatorBefore = await emulatorCpuMs();
  const ownBefore = process.cpuUsage();
  const startedMs = performance.now();
  await run(set, sets);
  const seconds = (performance.now() - startedMs) / 1000;
  const own = process.cpuUsage(ownBefore);
  const emulatorMs = (await emulatorCpuMs()) - emulatorBefore;
  return {
    client,
    sets,
    seconds,
    setsPerSecond: sets / seconds,
    emulatorCpuUsPerSet: (emulatorMs * 1000) / sets,
    clientCpuUsPerSet: (own.user + own.system) / sets,
  };
}

async function run(set: (name: string) => Promise<void>, count: number): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      next += 1;
      await set(`secret-${next % NAMES}`);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
}

function rawSet(agent: Agent, vaultUrl: string, token: string): (name: string) => Promise<void> {
  const body = JSON.stringify({ value: VALUE });
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  return (name) =>
    new Promise((resolve, reject) => {
      const url = `${vaultUrl}/secrets/${name}?api-version=7.6`;
      const put = request(url, { method: "PUT", agent, headers }, (response) => {
        response.resume();
        response.once("end", () => {
          if (response.statusCode === 200) resolve();
          else reject(new Error(`PUT answered ${response.statusCode}`));
        });
      });
      put.once("error", reject);
      put.end(body);
    });
}

function call(agent: Agent, port: number, method: string, path: string, body?: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const sent = request(`https://localhost:${port}${path}`, { method, agent }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.once("end", () => resolve(JSON.parse(Buffer.concat(chunks).toString())));
    });
    sent.once("error", reject);
    sent.end(body);
  });
}

async function cpuMs(agent: Agent, port: number): Promise<number> {
  return ((await call(agent, port, "GET", "/_emulator/health")) as { cpuMs: number }).cpuMs;
}

async function firstLine(stream: NodeJS.ReadableStream): Promise<Ready> {
  for await (const line of createInterface({ input: stream })) return JSON.parse(line) as Ready;
  throw new Error("the emulator ended before it was up");
}

function report(measured: readonly Measured[]): void {
  const base = measured[0]?.setsPerSecond ?? 1;
  const rows = measured.map((one) => ({ ...one, ratio: one.setsPerSecond / base }));
  if (values.json) {
    process.stdout.write(`${JSON.stringify({ concurrency, rows })}\n`);
    return;
  }
  process.stdout.write(
    "| client | sets/s | against https | emulator CPU/set | client CPU/set | emulator, sets per CPU second |\n",
  );
  process.stdout.write("|---|---|---|---|---|---|\n");
  for (const row of rows) {
    const cells = [
      row.client,
      row.setsPerSecond.toFixed(0),
      row.ratio.toFixed(2),
      `${row.emulatorCpuUsPerSet.toFixed(0)} µs`,
      `${row.clientCpuUsPerSet.toFixed(0)} µs`,
      (1_000_000 / row.emulatorCpuUsPerSet).toFixed(0),
    ];
    process.stdout.write(`| ${cells.join(" | ")} |\n`);
  }
}
