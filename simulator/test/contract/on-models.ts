// The suites on the models: one process of a world without faults. Loaded after the swaps are registered.
import { connectBus } from "@keyferry/bus";
import { createKeyVault } from "@keyferry/key-vault";
import { SecretValue, silentLogger } from "@keyferry/ports";
import { connectState } from "@keyferry/state";
import { createVaultClient } from "@keyferry/vault-client";
import { createWorld } from "../../src/run/create-world.ts";
import { clockOf } from "../../src/swap/clock.ts";
import { installGlobals } from "../../src/swap/globals.ts";
import { SimulatedProcess } from "../../src/time/process.ts";
import { setWorld } from "../../src/world.ts";
import { busSuite, type SourceHand, sourceSuite, stateSuite, type Transcript, vaultSuite } from "./suites.ts";

const HOUR_MS = 3_600_000;

export async function runOnModels(): Promise<Record<string, Transcript>> {
  const uninstall = installGlobals();
  const world = createWorld("contract", false);
  setWorld(world);
  const process = new SimulatedProcess("suite", 1);
  const clock = clockOf(process, 0);
  const random = world.random.split("suite");
  const logger = silentLogger;
  const { source, vaults, scheduler } = world;
  source.enable("kv");
  vaults.delays = { deletingMs: 1_000, readableMs: 200, recoveringMs: 2_000 };
  const hand: SourceHand = {
    write: async (path, value) => void source.write("kv", path, JSON.stringify({ value })),
    change: async (path, version, operation) => source.change("kv", path, version, operation),
    deleteMetadata: async (path) => source.deleteMetadata("kv", path),
  };
  const sleep = (ms: number): Promise<void> => clock.sleep(ms);
  const seen: Record<string, Transcript> = {};
  const run = async (): Promise<void> => {
    const bus = await connectBus({ servers: ["nats://x"], name: "suite", logger, clock, random });
    while (!bus.status().connected) await sleep(50);
    await bus.provision();
    seen["bus"] = await busSuite(bus, sleep);
    const state = await connectState({ url: "redis://x", logger, clock, random });
    while (!state.status().connected) await sleep(50);
    seen["state"] = await stateSuite(state);
    const client = createVaultClient({ address: "http://x", token: new SecretValue("x"), clock, logger });
    seen["source"] = await sourceSuite(client, hand, "kv");
    const credential = {
      kind: "client-secret",
      tenantId: "x",
      clientId: "x",
      clientSecret: new SecretValue("x"),
    } as const;
    const vault = createKeyVault({
      uri: "https://contract.vault.azure.net",
      credential,
      requestTimeoutMs: 10_000,
      logger,
      clock,
    });
    seen["vault"] = await vaultSuite(vault, sleep);
  };
  let failure: unknown;
  let isOver = false;
  scheduler.after(0, process, () => {
    run()
      .catch((error: unknown) => {
        failure = error;
      })
      .finally(() => {
        isOver = true;
      });
  });
  await scheduler.run(scheduler.now + HOUR_MS, () => isOver);
  setWorld(undefined);
  uninstall();
  if (failure !== undefined) throw failure as Error;
  return seen;
}
