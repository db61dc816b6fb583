// Owns: everything that runs during a fault run, started in order and stopped in the opposite one.

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET } from "@keyferry/key-vault-emulator";
import { startKeyVaultProcess, startNatsCluster, startOpenBao, VaultApi } from "@keyferry/testkit";
import { configure, MOUNT, type Servers, writeTokens } from "./configuration.ts";
import { startRedisSet } from "./redis-set.ts";
import { type ServiceSlot, startSlot } from "./service-slot.ts";

/** Two of everything that stands by, three sinks. */
const PROCESSES = [
  ["change-detector", 1],
  ["change-detector", 2],
  ["association-service", 1],
  ["association-service", 2],
  ["azure-sink", 1],
  ["azure-sink", 2],
  ["azure-sink", 3],
] as const;

/** Somebody else with rights on the same vaults. */
export const STRANGER = "f0000000-0000-4000-8000-000000000001";

export interface Stand extends Servers, AsyncDisposable {
  readonly dir: string;
  readonly slots: readonly ServiceSlot[];
  /** The API of each association-service, with the root token. */
  readonly apis: readonly VaultApi[];
  /** The source itself, past every proxy. */
  readonly source: VaultApi;
}

/** Starts all; what was started is stopped again where a part fails. */
export async function startStand(dir: string, say: (step: string) => void): Promise<Stand> {
  await mkdir(join(dir, "logs"), { recursive: true });
  await using started = new AsyncDisposableStack();
  say("starting OpenBao, three NATS nodes, Redis with replica and Sentinels, the Key Vault emulator");
  const log = (name: string): string => join(dir, "logs", `${name}.log`);
  const openbao = started.use(
    await startOpenBao({ dir: join(dir, "openbao"), persistent: true, logFile: log("openbao") }),
  );
  const nats = started.use(await startNatsCluster({ dir: join(dir, "nats"), noAdvertise: true }));
  await mkdir(join(dir, "redis"), { recursive: true });
  const redis = started.use(await startRedisSet(join(dir, "redis")));
  const principals = [
    { clientId: DEFAULT_CLIENT_ID, clientSecret: DEFAULT_CLIENT_SECRET },
    { clientId: STRANGER, clientSecret: "strangers-secret" },
  ];
  const keyVault = started.use(
    await startKeyVaultProcess({
      dir: join(dir, "key-vault"),
      logFile: log("key-vault"),
      emulator: { principals },
    }),
  );
  const servers: Servers = { openbao, nats, redis, keyVault };
  const source = new VaultApi(openbao.url, openbao.rootToken);
  await source.mountKv2(MOUNT);
  await writeTokens(dir, openbao);

  say("starting 2 change-detectors, 2 association-services, 3 azure-sinks");
  const told = await Promise.all(
    PROCESSES.map(([program, number]) => configure(dir, servers, program, number)),
  );
  for (const { links } of told) {
    for (const proxy of [...links.nats, ...links.source, ...links.keyVault]) started.use(proxy);
  }
  const slots = await Promise.all(told.map(async (facts) => started.use(await startSlot(facts))));
  const apis = told
    .filter(({ program }) => program === "association-service")
    .map(({ apiPort }) => new VaultApi(`http://127.0.0.1:${apiPort}`, openbao.rootToken));
  const whole = started.move();
  return {
    ...servers,
    dir,
    slots,
    apis,
    source,
    [Symbol.asyncDispose]: async () => await whole.disposeAsync(),
  };
}
