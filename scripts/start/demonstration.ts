import { randomBytes } from "node:crypto";
import { type Bus, connectBus } from "@keyferry/bus";
import type { SecretKey } from "@keyferry/contracts";
import { DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET, DEFAULT_TENANT_ID } from "@keyferry/key-vault-emulator";
import { silentLogger, systemClock, systemRandom } from "@keyferry/ports";
import { eventually, type Stack, STACK_MOUNT } from "@keyferry/testkit";
import { formatPassage, readLastMessages } from "./hops.ts";
import { type SeenSecret, untilGone, untilHolds } from "./key-vault-watch.ts";

// Owns: the main job, shown once, step by step. Each step is judged by what is in Key Vault, not by what we say of it.

const DESTINATION = "my-azure-1";
const SECRET = "my-secret";
const VAULT = "my-azure-1";
const SYNCED_MS_MAX = 60_000;

export type Print = (line: string) => void;

interface Stage {
  readonly stack: Stack;
  readonly bus: Bus;
  readonly print: Print;
}

interface Where {
  readonly source: string;
  readonly destination: string;
  readonly key: SecretKey;
}

/** Plays every step. Throws an Error that says which step was not seen in Key Vault. */
export async function demonstrate(stack: Stack, print: Print): Promise<void> {
  const bus = await connectBus({
    servers: [stack.nats.url],
    name: "demonstration",
    logger: silentLogger,
    clock: systemClock,
    random: systemRandom,
  });
  try {
    await play({ stack, bus, print });
  } finally {
    await bus.close();
  }
}

async function play(stage: Stage): Promise<void> {
  const { stack, bus, print } = stage;
  const { vault } = stack;
  print("1. mount a KVv2 secrets engine at my-kv/");
  await vault.mountKv2(STACK_MOUNT);

  print(`2. create the destination azure-kv/${DESTINATION}`);
  await vault.expect("PUT", `sys/sync/destinations/azure-kv/${DESTINATION}`, {
    key_vault_uri: `https://${VAULT}.vault.azure.net`,
    tenant_id: DEFAULT_TENANT_ID,
    client_id: DEFAULT_CLIENT_ID,
    client_secret: DEFAULT_CLIENT_SECRET,
  });

  // New values for each run, so that nothing that is found later can be of an earlier one.
  const [first, second] = [newValue(), newValue()];
  print(`3. write ${STACK_MOUNT}/${SECRET}, version 1`);
  await vault.putSecret(STACK_MOUNT, SECRET, first);

  print(`4. associate it with azure-kv/${DESTINATION}`);
  await vault.expect("PUT", `sys/sync/destinations/azure-kv/${DESTINATION}/associations/set`, {
    mount: STACK_MOUNT,
    secret_name: SECRET,
  });
  const set = Date.now();
  const seen = await untilHolds(stack, VAULT, JSON.stringify(first));
  await untilStatus(stage, "SYNCED");
  const where = await findPair(bus);
  await showArrival(stage, where, seen, set);

  print(`5. write version 2`);
  await vault.putSecret(STACK_MOUNT, SECRET, second);
  const written = Date.now();
  const seenAgain = await untilHolds(stack, VAULT, JSON.stringify(second));
  await untilStatus(stage, "SYNCED");
  await showArrival(stage, where, seenAgain, written);

  print("6. delete version 2: the highest live version takes its place");
  await vault.deleteSecret(STACK_MOUNT, SECRET);
  const fellBack = Date.now();
  const seenBefore = await untilHolds(stack, VAULT, JSON.stringify(first));
  await untilStatus(stage, "SYNCED");
  await showArrival(stage, where, seenBefore, fellBack);

  print("7. delete version 1 too: nothing is left to sync");
  await vault.expect("POST", `${STACK_MOUNT}/delete/${SECRET}`, { versions: [1] });
  const deleted = Date.now();
  const keyVault = await untilGone(stack, VAULT, seen.name);
  await untilStatus(stage, "UNSYNCED");
  print(`   ✓ ${seen.name} is gone from https://${VAULT}.vault.azure.net (soft-deleted there)`);
  print(`     ${await passage(stage, where, deleted, keyVault)}`);
}

async function showArrival(stage: Stage, where: Where, seen: SeenSecret, committed: number): Promise<void> {
  const { print } = stage;
  print(`   ✓ https://${VAULT}.vault.azure.net holds ${seen.name}, Key Vault version no. ${seen.versions}`);
  print(`     value ${seen.value ?? ""}`);
  print(`     ${await passage(stage, where, committed, seen.at)}`);
}

async function passage({ bus }: Stage, where: Where, committed: number, keyVault: number): Promise<string> {
  const { event, command, record } = await readLastMessages(bus, where.source, where.destination, where.key);
  return formatPassage({
    committed,
    event: event?.time,
    command: command?.time,
    keyVault,
    outcome: record?.time,
  });
}

async function untilStatus({ stack }: Stage, wanted: string): Promise<void> {
  await eventually(
    async () => {
      const path = `sys/sync/destinations/azure-kv/${DESTINATION}/associations`;
      const { associated_secrets: rows } = await stack.vault.expect("GET", path);
      return Object.values(rows as Record<string, { sync_status: string }>).map((row) => row.sync_status);
    },
    {
      what: `the association to be ${wanted}`,
      until: (statuses) => statuses.length > 0 && statuses.every((status) => status === wanted),
      timeoutMs: SYNCED_MS_MAX,
    },
  );
}

// The one association that there is.
async function findPair(bus: Bus): Promise<Where> {
  const stop = new AbortController();
  try {
    const view = await bus.associations.watch(stop.signal);
    await view.caughtUp();
    for (const [, { value }] of view.entries()) {
      return { source: value.secret.source, destination: value.destination, key: value.secretKey };
    }
    throw new Error("the association is not in its bucket");
  } finally {
    stop.abort();
  }
}

function newValue(): { password: string } {
  return { password: randomBytes(12).toString("base64url") };
}
