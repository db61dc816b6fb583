// Owns: what each service process is told: its own addresses, and proxies of its own in place of the servers'.

import { readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import {
  freePort,
  type KeyVaultProcess,
  type NatsCluster,
  type OpenBaoServer,
  VaultApi,
} from "@keyferry/testkit";
import { startTcpProxy } from "../wire/tcp-proxy.ts";
import type { RedisSet } from "./redis-set.ts";
import type { Links, SlotFacts } from "./service-slot.ts";

const POLICIES = resolve(import.meta.dirname, "../../../deploy/policies");

/** The mount that the example policies name. */
export const MOUNT = "my-kv";

export interface Servers {
  readonly openbao: OpenBaoServer;
  readonly nats: NatsCluster;
  readonly redis: RedisSet;
  readonly keyVault: KeyVaultProcess;
}

/** Tokens with the least policies, a file each. */
export async function writeTokens(dir: string, openbao: OpenBaoServer): Promise<void> {
  const root = new VaultApi(openbao.url, openbao.rootToken);
  for (const program of ["change-detector", "association-service", "azure-sink"]) {
    const policy = await readFile(join(POLICIES, `${program}.hcl`), "utf8");
    const token = await root.tokenFor(`keyferry-${program}`, policy);
    await writeFile(join(dir, `${program}.token`), `${token}\n`, { mode: 0o600 });
  }
}

export interface Told extends SlotFacts {
  /** Where an association-service has its API. */
  readonly apiPort: number;
}

/** Chooses ports, opens the proxies and writes the file for one process. */
export async function configure(
  dir: string,
  servers: Servers,
  program: SlotFacts["program"],
  number: number,
): Promise<Told> {
  const { openbao, nats, redis, keyVault } = servers;
  const name = `${program}-${number}`;
  const [healthPort, apiPort, hintPort] = [await freePort(), await freePort(), await freePort()];
  const links: Links = {
    nats: await Promise.all(nats.nodes.map((node) => startTcpProxy(node.port))),
    source: [await startTcpProxy(openbao.port)],
    keyVault: program === "azure-sink" ? [await startTcpProxy(keyVault.port)] : [],
  };
  const listen = `127.0.0.1:${healthPort}`;
  const token = `file:${join(dir, `${program}.token`)}`;
  const own = {
    "change-detector": {
      changeDetector: {
        listen,
        token,
        hints: { auditFile: openbao.auditFile, manual: { listen: `127.0.0.1:${hintPort}` } },
        sweep: { intervalS: 30 },
      },
    },
    "association-service": {
      associationService: {
        listen,
        token,
        api: { listen: `127.0.0.1:${apiPort}` },
        settle: { intervalS: 15 },
        // The load deletes all the time; what waits for a person would be no convergence.
        deleteBudget: { perHourMin: 100_000 },
      },
    },
    "azure-sink": {
      azureSink: {
        listen,
        token,
        azure: {
          caFile: keyVault.caFile,
          emulator: { address: `127.0.0.1:${links.keyVault[0]?.port ?? 0}` },
        },
      },
    },
  }[program];
  const configuration = {
    log: { level: "info" },
    source: { name: "main", address: `http://127.0.0.1:${links.source[0]?.port ?? 0}` },
    nats: { servers: links.nats.map(({ port }) => `nats://127.0.0.1:${port}`), replicas: 3 },
    redis: { url: redis.url, sentinels: redis.sentinelUrls },
    ...own,
  };
  const configFile = join(dir, `${name}.yaml`);
  // JSON is YAML.
  await writeFile(configFile, `${JSON.stringify(configuration, null, 2)}\n`);
  return {
    name,
    program,
    configFile,
    healthPort,
    dir: join(dir, name),
    logFile: join(dir, "logs", `${name}.log`),
    links,
    apiPort,
  };
}
