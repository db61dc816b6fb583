// From the commit at the source to the write in Key Vault, at a steady rate of changes: Keyferry's services against a
// bare script that reads the secret and PUTs it with the SDK as soon as the write has been answered. Both in one run, on
// the same servers, one after the other. Judged by the emulator's log.
//
//   node bench/latency/latency.ts [--rate 20] [--seconds 15] [--warm-up 10] [--azure-ms 0] [--spans] [--json]
//
// Both sides first do the same for `--warm-up` seconds that do not count: a service runs for weeks, its first seconds are the
// compiler's. `--spans` has the services trace themselves, and tells when each step began and how long it took (medians).
// `--azure-ms` makes each write to the vault take that much longer, as the way to Azure does: on loopback a bare PUT takes
// 2 ms, which no real vault does.
import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { Agent } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ClientSecretCredential } from "@azure/identity";
import { SecretClient } from "@azure/keyvault-secrets";
import { DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET, DEFAULT_TENANT_ID } from "@keyferry/key-vault-emulator";
import { connectBus } from "@keyferry/bus";
import { silentLogger, systemClock, systemRandom } from "@keyferry/ports";
import {
  eventually,
  type Stack,
  STACK_MOUNT,
  startStack,
  startTraceCollector,
  VaultApi,
} from "@keyferry/testkit";
import { timeline } from "./timeline.ts";

const SECRETS = 50;
const VAULT = "bench-latency";
const BARE_VAULT = "bench-bare";

interface Change {
  readonly path: string;
  readonly value: string;
  /** When Vault had answered the write, ms. */
  readonly committed: number;
}

interface Figures {
  readonly changes: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** All of them, ascending. */
  readonly latenciesMs: readonly number[];
}

/** Medians over the last change of each secret, ms. */
interface Hops {
  readonly toEvent: number;
  readonly toCommand: number;
  readonly toKeyVault: number;
}

interface Effect {
  readonly kind: string;
  readonly wallMs: number;
  readonly valueSha256?: string;
}

const { values: options } = parseArgs({
  options: {
    rate: { type: "string", default: "20" },
    seconds: { type: "string", default: "15" },
    "warm-up": { type: "string", default: "10" },
    spans: { type: "boolean", default: false },
    "azure-ms": { type: "string", default: "0" },
    json: { type: "boolean", default: false },
  },
});

const pathOf = (index: number): string => `latency-${index % SECRETS}`;

/** Writes at a steady rate; each change goes to the next secret. `after` runs beside the next writes. */
async function change(
  api: VaultApi,
  seconds: number,
  after: (change: Change) => Promise<void>,
): Promise<readonly Change[]> {
  const rate = Number(options.rate);
  const count = rate * seconds;
  const began = performance.now();
  const work: Promise<void>[] = [];
  const changes: Change[] = [];
  for (let index = 0; index < count; index += 1) {
    const wait = began + (index * 1_000) / rate - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    const value = randomBytes(24).toString("base64url");
    await api.putSecret(STACK_MOUNT, pathOf(index), { value });
    const one = { path: pathOf(index), value: JSON.stringify({ value }), committed: Date.now() };
    changes.push(one);
    work.push(after(one));
  }
  await Promise.all(work);
  return changes;
}

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

/** When each value was written to the vault, by its digest. */
async function writesOf(stack: Stack, vault: string): Promise<ReadonlyMap<string | undefined, number>> {
  const { effects } = (await stack.keyVault.control("GET", `log?vault=${vault}`)) as { effects: Effect[] };
  return new Map(effects.map(({ valueSha256, wallMs }) => [valueSha256, wallMs]));
}

/** Latencies of the changes whose very value was written, by the emulator's log. */
async function figures(stack: Stack, vault: string, changes: readonly Change[]): Promise<Figures> {
  const writtenAt = await writesOf(stack, vault);
  const latencies = changes
    .flatMap(({ value, committed }) => {
      const at = writtenAt.get(sha256(value));
      return at === undefined ? [] : [Math.max(0, at - committed)];
    })
    .sort((a, b) => a - b);
  const at = (share: number): number =>
    latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? 0;
  return { changes: latencies.length, p50Ms: at(0.5), p99Ms: at(0.99), latenciesMs: latencies };
}

/** Where the time goes, read off the last messages of each secret. */
async function hopsOf(stack: Stack, changes: readonly Change[]): Promise<Hops> {
  const lastOf = new Map(changes.map((one) => [one.path, one]));
  const writtenAt = await writesOf(stack, VAULT);
  const ports = { logger: silentLogger, clock: systemClock, random: systemRandom };
  await using bus = await connectBus({ servers: [stack.nats.url], name: "bench", ...ports });
  const stop = new AbortController();
  await bus.ready(stop.signal);
  const view = await bus.associations.watch(stop.signal);
  await view.caughtUp();
  const samples: Hops[] = [];
  for (const [, { value: association }] of view.entries()) {
    const last = lastOf.get(association.secret.path);
    const event = await bus.events.last(association.secret.source, association.secretKey);
    const command = await bus.commands.last(association.destination, association.secretKey);
    const keyVault = last && writtenAt.get(sha256(last.value));
    if (last === undefined || event === undefined || command === undefined || keyVault === undefined)
      continue;
    samples.push({
      toEvent: event.time - last.committed,
      toCommand: command.time - event.time,
      toKeyVault: keyVault - command.time,
    });
  }
  stop.abort();
  const median = (pick: (hops: Hops) => number): number =>
    samples.map(pick).sort((a, b) => a - b)[Math.floor(samples.length / 2)] ?? 0;
  return {
    toEvent: median((hops) => hops.toEvent),
    toCommand: median((hops) => hops.toCommand),
    toKeyVault: median((hops) => hops.toKeyVault),
  };
}

async function keyferry(stack: Stack, api: VaultApi): Promise<Figures & { readonly hops: Hops }> {
  const destination = `sys/sync/destinations/azure-kv/${VAULT}`;
  await stack.vault.expect("PUT", destination, {
    key_vault_uri: `https://${VAULT}.vault.azure.net`,
    tenant_id: DEFAULT_TENANT_ID,
    client_id: DEFAULT_CLIENT_ID,
    client_secret: DEFAULT_CLIENT_SECRET,
    secret_name_template: "{{ .SecretPath }}",
  });
  for (let index = 0; index < SECRETS; index += 1) {
    await api.putSecret(STACK_MOUNT, pathOf(index), { value: "first" });
    await stack.vault.expect("PUT", `${destination}/associations/set`, {
      mount: STACK_MOUNT,
      secret_name: pathOf(index),
    });
  }
  await eventually(
    async () => {
      const { associated_secrets: rows } = await stack.vault.expect("GET", `${destination}/associations`);
      return Object.values(rows as Record<string, { sync_status: string }>).filter(
        (row) => row.sync_status === "SYNCED",
      ).length;
    },
    { what: "all secrets to be synced", until: (synced) => synced === SECRETS, timeoutMs: 60_000 },
  );
  const nothing = async (): Promise<void> => undefined;
  await change(api, Number(options["warm-up"]), nothing);
  const changes = await change(api, Number(options.seconds), nothing);
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  return { ...(await figures(stack, VAULT, changes)), hops: await hopsOf(stack, changes) };
}

async function bareScript(stack: Stack, api: VaultApi): Promise<Figures> {
  const ca = await readFile(stack.keyVault.caFile, "utf8");
  const agent = new Agent({
    ca,
    keepAlive: true,
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
  const client = new SecretClient(stack.keyVault.vaultUrl(BARE_VAULT), credential, { agent });
  await client.setSecret("warm", "warm");
  const copy = async ({ path }: Change): Promise<void> => {
    const { data } = await api.expect("GET", `${STACK_MOUNT}/data/${path}`);
    await client.setSecret(path, JSON.stringify(data));
  };
  await change(api, Number(options["warm-up"]), copy);
  const changes = await change(api, Number(options.seconds), copy);
  agent.destroy();
  return figures(stack, BARE_VAULT, changes);
}

async function main(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "keyferry-bench-"));
  const collector = options.spans ? await startTraceCollector() : undefined;
  const stack = await startStack({
    dir: folder,
    ...(collector === undefined ? {} : { otlpEndpoint: collector.endpoint }),
  });
  try {
    const api = new VaultApi(stack.openbao.url, stack.openbao.rootToken);
    const azureMs = Number(options["azure-ms"]);
    if (azureMs > 0) {
      await stack.keyVault.control("POST", "faults", {
        fault: { kind: "latency", ms: azureMs },
        operations: ["set"],
      });
    }
    const ours = await keyferry(stack, api);
    const bare = await bareScript(stack, api);
    const ratio = { p50: ours.p50Ms / bare.p50Ms, p99: ours.p99Ms / bare.p99Ms };
    if (options.json) {
      process.stdout.write(
        `${JSON.stringify({ rate: Number(options.rate), azureMs, keyferry: ours, bare, ratio })}\n`,
      );
      return;
    }
    const row = (name: string, { changes, p50Ms, p99Ms }: Figures): string =>
      `${name.padEnd(12)} ${String(changes).padStart(8)} ${String(p50Ms).padStart(8)} ${String(p99Ms).padStart(8)}`;
    const lines = [
      `${options.rate} changes/s for ${options.seconds} s, ${azureMs} ms to Azure`,
      `${"".padEnd(12)} ${"changes".padStart(8)} ${"p50 ms".padStart(8)} ${"p99 ms".padStart(8)}`,
      row("keyferry", ours),
      row("bare script", bare),
      `ratio                 ${ratio.p50.toFixed(2).padStart(8)} ${ratio.p99.toFixed(2).padStart(8)}   (to reach: p50 ≤ 2, p99 ≤ 5)`,
    ];
    const { toEvent, toCommand, toKeyVault } = ours.hops;
    lines.push(
      `hops (medians): commit → event ${toEvent} ms → command ${toCommand} ms → Key Vault ${toKeyVault} ms`,
    );
    // Spans are sent in batches, the last of them seconds later: the bare script's run lies between.
    if (collector !== undefined)
      lines.push(...timeline(collector.spans, Number(options.rate) * Number(options.seconds)));
    process.stdout.write(`${lines.join("\n")}\n`);
  } finally {
    await stack.stop();
    await collector?.[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  }
}

await main();
