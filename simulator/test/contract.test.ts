// The models behave as the real servers do: one list of calls on both, the same answers.
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { connectBus } from "@keyferry/bus";
import { createKeyVault } from "@keyferry/key-vault";
import { DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET, DEFAULT_TENANT_ID } from "@keyferry/key-vault-emulator";
import {
  SecretValue,
  silentLogger as logger,
  systemClock as clock,
  systemRandom as random,
} from "@keyferry/ports";
import { connectState } from "@keyferry/state";
import { eventually, startKeyVault, startNats, startOpenBao, startRedis, VaultApi } from "@keyferry/testkit";
import { createVaultClient } from "@keyferry/vault-client";
import { beforeAll, expect, test } from "vitest";
import {
  busSuite,
  type SourceHand,
  sourceSuite,
  stateSuite,
  type Transcript,
  vaultSuite,
} from "./contract/suites.ts";

const SIMULATED = fileURLToPath(new URL("contract/run-simulated.ts", import.meta.url));
const sleep = (ms: number): Promise<void> => clock.sleep(ms);
let onModels: Record<string, Transcript>;

beforeAll(async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [SIMULATED]);
  onModels = JSON.parse(stdout) as Record<string, Transcript>;
});

test("JetStream: compare-and-set over both lanes, naks, ack floors, buckets, views", async () => {
  const nats = await startNats();
  const bus = await connectBus({ servers: [nats.url], name: "contract", logger, clock, random });
  try {
    await eventually(() => bus.status().connected, { what: "NATS" });
    await bus.provision();
    expect(onModels["bus"]).toEqual(await busSuite(bus, sleep));
  } finally {
    await bus.close();
    await nats.stop();
  }
});

test("Redis: locks, the waiting set, attempts, pacing", async () => {
  const redis = await startRedis();
  const state = await connectState({ url: redis.url, logger, clock, random });
  try {
    await eventually(() => state.status().connected, { what: "Redis" });
    expect(onModels["state"]).toEqual(await stateSuite(state));
  } finally {
    await state.close();
    await redis.stop();
  }
});

test("KVv2: what metadata and versions show after each operation, on OpenBao", async () => {
  const openbao = await startOpenBao();
  const source = createVaultClient({
    address: openbao.url,
    token: new SecretValue(openbao.rootToken),
    clock,
    logger,
  });
  const api = new VaultApi(openbao.url, openbao.rootToken);
  const hand: SourceHand = {
    write: async (path, value) => void (await api.expect("POST", `kv/data/${path}`, { data: { value } })),
    change: async (path, version, operation) =>
      void (await api.expect("POST", `kv/${operation}/${path}`, { versions: [version] })),
    deleteMetadata: async (path) => void (await api.expect("DELETE", `kv/metadata/${path}`)),
  };
  try {
    await api.mountKv2("kv");
    // A mount is upgraded to version 2 in the background.
    await eventually(async () => (await api.call("GET", "kv/config")).status === 200, { what: "the mount" });
    expect(onModels["source"]).toEqual(await sourceSuite(source, hand, "kv"));
  } finally {
    await source.close();
    await openbao.stop();
  }
});

test("Key Vault: conflicts, soft deletion and versions, on the emulator", async () => {
  const emulator = await startKeyVault({
    limits: "off",
    hostNames: ["login.microsoftonline.com"],
    softDelete: { deletingMs: 1_000, recoverReadableMs: 200, recoverWritableMs: 2_000, purgingMs: 100 },
  });
  const vault = createKeyVault({
    uri: "https://contract.vault.azure.net",
    credential: {
      kind: "client-secret",
      tenantId: DEFAULT_TENANT_ID,
      clientId: DEFAULT_CLIENT_ID,
      clientSecret: new SecretValue(DEFAULT_CLIENT_SECRET),
    },
    ca: emulator.caPem,
    emulator: { address: `127.0.0.1:${emulator.port}` },
    requestTimeoutMs: 10_000,
    logger,
    clock,
  });
  try {
    // The emulator's clock is its own: it is moved with ours.
    expect(onModels["vault"]).toEqual(await vaultSuite(vault, async (ms) => emulator.clock.advance(ms)));
  } finally {
    await vault.close();
    await emulator.close();
  }
});
