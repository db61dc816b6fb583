// Owns: the whole system on one machine: OpenBao, NATS, Redis, the Key Vault emulator and the three services, each a
// process of its own, with the least policies that deploy/policies gives. `npm start`, end-to-end tests and benchmarks
// run on it.

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { freePort } from "../free-port.ts";
import {
  type KeyVaultProcess,
  type KeyVaultProcessOptions,
  startKeyVaultProcess,
} from "../servers/key-vault.ts";
import { type NatsServer, startNats } from "../servers/nats.ts";
import { type OpenBaoServer, startOpenBao } from "../servers/openbao.ts";
import { type RedisServer, startRedis } from "../servers/redis.ts";
import { type Service, startService } from "../servers/service.ts";
import { VaultApi } from "./vault-api.ts";

const POLICIES = resolve(import.meta.dirname, "../../../../deploy/policies");

/** The mount that the example policies name. */
export const STACK_MOUNT = "my-kv";

export const SERVICE_NAMES = ["change-detector", "association-service", "azure-sink"] as const;
export type ServiceName = (typeof SERVICE_NAMES)[number];

export interface StackOptions {
  /** Where everything writes: data, logs, configuration. */
  readonly dir: string;
  /** Told before each step that takes time. */
  readonly onStep?: (step: string) => void;
  /** The emulator's options; by default it behaves as Azure, limits and delays included. */
  readonly keyVault?: KeyVaultProcessOptions["emulator"];
  /** Redis keeps its data over a kill. */
  readonly redisPersistent?: boolean;
  /** OpenBao keeps its data over a kill. */
  readonly sourcePersistent?: boolean;
  readonly logLevel?: "debug" | "info";
  /** Seconds between two sweeps and between two rounds of the settle loop; short in tests of recovery. */
  readonly sweepIntervalS?: number;
  readonly settleIntervalS?: number;
  /** How old a write has to be to be compared by a look for drift. */
  readonly driftSettledS?: number;
  readonly ports?: { readonly api?: number };
  /** An OpenTelemetry collector that takes the services' traces. */
  readonly otlpEndpoint?: string;
  /** The services log in by AppRole, with leases of so many seconds, in place of being given tokens. */
  readonly loginLeaseS?: number;
  /** Makes the mount my-kv; `npm start` leaves that to its demonstration. */
  readonly makeMount?: boolean;
}

interface Servers {
  readonly openbao: OpenBaoServer;
  readonly nats: NatsServer;
  readonly redis: RedisServer;
  readonly keyVault: KeyVaultProcess;
}

/** Everything that runs, each part to be killed, paused and restarted alone. */
export class Stack implements AsyncDisposable {
  readonly dir: string;
  readonly configFile: string;
  readonly openbao: OpenBaoServer;
  readonly nats: NatsServer;
  readonly redis: RedisServer;
  readonly keyVault: KeyVaultProcess;
  readonly services: Readonly<Record<ServiceName, Service>>;
  /** The association-service's API and gateway, with the root token. */
  readonly vault: VaultApi;

  constructor(
    facts: { dir: string; configFile: string; apiPort: number },
    servers: Servers,
    services: Readonly<Record<ServiceName, Service>>,
  ) {
    this.dir = facts.dir;
    this.configFile = facts.configFile;
    this.openbao = servers.openbao;
    this.nats = servers.nats;
    this.redis = servers.redis;
    this.keyVault = servers.keyVault;
    this.services = services;
    this.vault = new VaultApi(`http://127.0.0.1:${facts.apiPort}`, servers.openbao.rootToken);
  }

  /** Stops the services first, then what they stand on. */
  async stop(): Promise<void> {
    await Promise.all(Object.values(this.services).map((service) => service.stop()));
    await Promise.all([this.nats.stop(), this.redis.stop(), this.openbao.stop(), this.keyVault.stop()]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** Starts everything and resolves when each part is ready. What was started is stopped again if a part fails. */
export async function startStack(options: StackOptions): Promise<Stack> {
  const step = options.onStep ?? (() => undefined);
  await mkdir(join(options.dir, "logs"), { recursive: true });
  const started: AsyncDisposable[] = [];
  const keep = async <T extends AsyncDisposable>(starting: Promise<T>): Promise<T> => {
    const one = await starting;
    started.push(one);
    return one;
  };
  try {
    step("starting OpenBao, NATS, Redis and the Key Vault emulator");
    const servers = await startServers(options, keep);
    const apiPort = options.ports?.api ?? (await freePort());
    const healthPorts = await portsOfServices();
    const configFile = await writeConfiguration(options, servers, apiPort, healthPorts);
    step("starting the change-detector, the association-service and the azure-sink");
    const all = await Promise.all(
      SERVICE_NAMES.map((name) =>
        keep(
          startService(name, {
            configFile,
            healthPort: healthPorts[name],
            dir: join(options.dir, name),
            logFile: logFileOf(options.dir, name),
          }),
        ),
      ),
    );
    const [detector, association, sink] = all;
    if (detector === undefined || association === undefined || sink === undefined)
      throw new Error("a service is missing");
    return new Stack({ dir: options.dir, configFile, apiPort }, servers, {
      "change-detector": detector,
      "association-service": association,
      "azure-sink": sink,
    });
  } catch (error) {
    await Promise.allSettled(started.toReversed().map((one) => one[Symbol.asyncDispose]()));
    throw error;
  }
}

type Keep = <T extends AsyncDisposable>(starting: Promise<T>) => Promise<T>;

async function startServers(options: StackOptions, keep: Keep): Promise<Servers> {
  const { dir } = options;
  const [openbao, nats, redis, keyVault] = await Promise.all([
    keep(
      startOpenBao({
        dir: join(dir, "openbao"),
        logFile: logFileOf(dir, "openbao"),
        persistent: options.sourcePersistent ?? false,
      }),
    ),
    keep(startNats({ dir: join(dir, "nats"), logFile: logFileOf(dir, "nats") })),
    keep(
      startRedis({
        dir: join(dir, "redis"),
        logFile: logFileOf(dir, "redis"),
        persistent: options.redisPersistent ?? false,
      }),
    ),
    keep(
      startKeyVaultProcess({
        dir: join(dir, "key-vault"),
        logFile: logFileOf(dir, "key-vault"),
        ...(options.keyVault === undefined ? {} : { emulator: options.keyVault }),
      }),
    ),
  ]);
  return { openbao, nats, redis, keyVault };
}

async function portsOfServices(): Promise<Record<ServiceName, number>> {
  const [detector, association, sink] = [await freePort(), await freePort(), await freePort()];
  return { "change-detector": detector, "association-service": association, "azure-sink": sink };
}

async function writeConfiguration(
  options: StackOptions,
  { openbao, nats, redis, keyVault }: Servers,
  apiPort: number,
  healthPorts: Record<ServiceName, number>,
): Promise<string> {
  const root = new VaultApi(openbao.url, openbao.rootToken);
  if (options.makeMount ?? true) await root.mountKv2(STACK_MOUNT);
  const entries = await writeEntries(options, root);
  const listen = (name: ServiceName): string => `127.0.0.1:${healthPorts[name]}`;
  const configuration = {
    log: { level: options.logLevel ?? "info" },
    ...(options.otlpEndpoint === undefined ? {} : { traces: { otlpEndpoint: options.otlpEndpoint } }),
    source: { name: "main", address: openbao.url },
    nats: { servers: [nats.url] },
    redis: { url: redis.url },
    changeDetector: {
      listen: listen("change-detector"),
      ...entries["change-detector"],
      hints: { auditFile: openbao.auditFile },
      sweep: { intervalS: options.sweepIntervalS ?? 300 },
    },
    associationService: {
      listen: listen("association-service"),
      ...entries["association-service"],
      api: { listen: `127.0.0.1:${apiPort}` },
      gateway: { enabled: true },
      settle: { intervalS: options.settleIntervalS ?? 60 },
    },
    azureSink: {
      listen: listen("azure-sink"),
      ...entries["azure-sink"],
      azure: { caFile: keyVault.caFile, emulator: { address: `127.0.0.1:${keyVault.port}` } },
      ...(options.driftSettledS === undefined ? {} : { drift: { settledS: options.driftSettledS } }),
    },
  };
  const configFile = join(options.dir, "keyferry.yaml");
  // JSON is YAML.
  await writeFile(configFile, `${JSON.stringify(configuration, null, 2)}\n`);
  return configFile;
}

/** For each service the keys by which it gets into the source. */
async function writeEntries(
  { dir, loginLeaseS }: StackOptions,
  root: VaultApi,
): Promise<Record<ServiceName, Readonly<Record<string, unknown>>>> {
  const entries: Partial<Record<ServiceName, Readonly<Record<string, unknown>>>> = {};
  await mkdir(join(dir, "tokens"), { recursive: true, mode: 0o700 });
  if (loginLeaseS !== undefined) await root.expect("POST", "sys/auth/approle", { type: "approle" });
  for (const name of SERVICE_NAMES) {
    const policy = await readFile(join(POLICIES, `${name}.hcl`), "utf8");
    const file = join(dir, "tokens", name);
    const write = (secret: string): Promise<void> => writeFile(file, `${secret}\n`, { mode: 0o600 });
    if (loginLeaseS === undefined) {
      await write(await root.tokenFor(`keyferry-${name}`, policy));
      entries[name] = { token: `file:${file}` };
    } else {
      const { roleId, secretId } = await root.appRoleFor(`keyferry-${name}`, policy, loginLeaseS);
      await write(secretId);
      entries[name] = { auth: { method: "approle", roleId, secretId: `file:${file}` } };
    }
  }
  return entries as Record<ServiceName, Readonly<Record<string, unknown>>>;
}

function logFileOf(dir: string, name: string): string {
  return join(dir, "logs", `${name}.log`);
}
