// From the commit at the source to the write in Key Vault, at a steady rate of changes: Keyferry's services against a
// bare script that reads the secret and PUTs it with the SDK as soon as the write has been answered. Both in one run, on
// the same servers, one after the other. Judged by the emulator's log.
//
//   node bench/latency/latency.ts [--rate 20] [--seconds 15] [--json]
import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { Agent } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ClientSecretCredential } from "@azure/identity";
import { SecretClient } from "@azure/keyvault-secrets";
import { DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET, DEFAULT_TENANT_ID } from "@keyferry/key-vault-emulator";
import { eventually, type Stack, STACK_MOUNT, startStack, VaultApi } from "@keyferry/testkit";

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
    json: { type: "boolean", default: false },
  },
});

const pathOf = (index: number): string => `latency-${index % SECRETS}`;

/** Writes at a steady rate; each change goes to the next secret. `after` runs beside the next writes. */
async function change(api: VaultApi, after: (change: Change) => Promise<void>): Promise<readonly Change[]> {
  const rate = Number(options.rate);
  const count = rate * Number(options.seconds);
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

/** Latencies of the changes whose very value was written, by the emulator's log. */
async function figures(stack: Stack, vault: string, changes: readonly Change[]): Promise<Figures> {
  const { effects } = (await stack.keyVault.control("GET", `log?vault=${vault}`)) as { effects: Effect[] };
  const writtenAt = new Map(effects.map(({ valueSha256, wallMs }) => [valueSha256, wallMs]));
  const latencies = changes
    .flatMap(({ value, committed }) => {
      const at = writtenAt.get(createHash("sha256").update(value).digest("hex"));
      return at === undefined ? [] : [Math.max(0, at - committed)];
    })
    .sort((a, b) => a - b);
  const at = (share: number): number =>
    latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? 0;
  return { changes: latencies.length, p50Ms: at(0.5), p99Ms: at(0.99) };
}

async function keyferry(stack: Stack, api: VaultApi): Promise<Figures> {
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
  const changes = await change(api, async () => undefined);
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  return figures(stack, VAULT, changes);
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
  const changes = await change(api, async ({ path }) => {
    const { data } = await api.expect("GET", `${STACK_MOUNT}/data/${path}`);
    await client.setSecret(path, JSON.stringify(data));
  });
  agent.destroy();
  return figures(stack, BARE_VAULT, changes);
}

async function main(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "keyferry-bench-"));
  const stack = await startStack({ dir: folder });
  try {
    const api = new VaultApi(stack.openbao.url, stack.openbao.rootToken);
    const ours = await keyferry(stack, api);
    const bare = await bareScript(stack, api);
    const ratio = { p50: ours.p50Ms / bare.p50Ms, p99: ours.p99Ms / bare.p99Ms };
    if (options.json) {
      process.stdout.write(
        `${JSON.stringify({ rate: Number(options.rate), keyferry: ours, bare, ratio })}\n`,
      );
      return;
    }
    const row = (name: string, { changes, p50Ms, p99Ms }: Figures): string =>
      `${name.padEnd(12)} ${String(changes).padStart(8)} ${String(p50Ms).padStart(8)} ${String(p99Ms).padStart(8)}`;
    const lines = [
      `${options.rate} changes/s for ${options.seconds} s`,
      `${"".padEnd(12)} ${"changes".padStart(8)} ${"p50 ms".padStart(8)} ${"p99 ms".padStart(8)}`,
      row("keyferry", ours),
      row("bare script", bare),
      `ratio                 ${ratio.p50.toFixed(2).padStart(8)} ${ratio.p99.toFixed(2).padStart(8)}   (to reach: p50 ≤ 2, p99 ≤ 5)`,
    ];
    process.stdout.write(`${lines.join("\n")}\n`);
  } finally {
    await stack.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

await main();
