// The whole of Keyferry as processes, its own sink stopped: a benchmark lets a backlog of commands build up and starts
// sinks of its own on it. Figures come from the emulator's log.
import { readFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Bus, connectBus } from "@keyferry/bus";
import {
  DEFAULT_CLIENT_ID,
  DEFAULT_CLIENT_SECRET,
  DEFAULT_TENANT_ID,
  type KeyVaultEmulatorOptions,
} from "@keyferry/key-vault-emulator";
import { silentLogger, systemClock, systemRandom } from "@keyferry/ports";
import {
  eventually,
  freePort,
  type Service,
  type Stack,
  STACK_MOUNT,
  startService,
  startStack,
  VaultApi,
} from "@keyferry/testkit";

/** Of 200 bytes, as a database password with its host and user is. */
const VALUE = "v".repeat(180);
const BACKLOG_MS_MAX = 180_000;
const DRAIN_MS_MAX = 200_000;
/** Calls of ours to the API and to OpenBao at a time. */
const SETUP_CONCURRENCY = 8;

interface LoggedEffect {
  readonly kind: string;
  readonly name: string;
  readonly wallMs: number;
}

interface LoggedRequest {
  readonly operation: string;
  readonly status: number;
}

/** What reached a vault, read off the emulator. */
export interface VaultLog {
  readonly effects: readonly LoggedEffect[];
  readonly requests: readonly LoggedRequest[];
}

export class SinkStack implements AsyncDisposable {
  readonly stack: Stack;
  readonly #bus: Bus;
  readonly #source: VaultApi;
  readonly #sinks: Service[] = [];

  constructor(stack: Stack, bus: Bus) {
    this.stack = stack;
    this.#bus = bus;
    this.#source = new VaultApi(stack.openbao.url, stack.openbao.rootToken);
  }

  /** Makes a destination and associates secrets that it writes; nothing is synced before a sink runs. */
  async associate(
    vault: string,
    paths: readonly string[],
    over: Readonly<Record<string, unknown>> = {},
  ): Promise<void> {
    const destination = `sys/sync/destinations/azure-kv/${vault}`;
    await this.stack.vault.expect("PUT", destination, {
      key_vault_uri: `https://${vault}.vault.azure.net`,
      tenant_id: DEFAULT_TENANT_ID,
      client_id: DEFAULT_CLIENT_ID,
      client_secret: DEFAULT_CLIENT_SECRET,
      secret_name_template: "{{ .SecretPath }}",
      ...over,
    });
    await this.write(paths);
    await forEach(paths, async (path) => {
      const body = { mount: STACK_MOUNT, secret_name: path };
      await this.stack.vault.expect("PUT", `${destination}/associations/set`, body);
    });
  }

  /** Writes the next version of each secret. */
  async write(paths: readonly string[]): Promise<void> {
    await forEach(paths, async (path) => {
      await this.#source.putSecret(STACK_MOUNT, path, { value: VALUE });
    });
  }

  /** Waits until this many commands wish this version. */
  async backlog(count: number, version: number): Promise<void> {
    const stop = new AbortController();
    const view = await this.#bus.commands.watch(stop.signal);
    const queued = (): number =>
      [...view.entries()].filter(([, { value }]) => value.expect?.current === version).length;
    await eventually(queued, {
      what: `${count} commands in the queue`,
      until: (found) => found >= count,
      timeoutMs: BACKLOG_MS_MAX,
    });
    stop.abort();
  }

  /** Starts a sink of the benchmark's own. */
  async startSink(concurrency: number): Promise<void> {
    const healthPort = await freePort();
    const configuration = JSON.parse(await readFile(this.stack.configFile, "utf8")) as {
      azureSink: Record<string, unknown>;
    };
    Object.assign(configuration.azureSink, { listen: `127.0.0.1:${healthPort}`, concurrency });
    const configFile = join(this.stack.dir, `sink-${healthPort}.yaml`);
    await writeFile(configFile, JSON.stringify(configuration));
    this.#sinks.push(await startService("azure-sink", { configFile, healthPort }));
  }

  /** Processor time that the running sinks have used, s. */
  async sinkCpuS(): Promise<number> {
    const texts = await Promise.all(this.#sinks.map((sink) => sink.metrics()));
    return texts.reduce(
      (sum, text) => sum + Number(/^process_cpu_seconds_total(?:\{.*\})? (\S+)/m.exec(text)?.[1] ?? 0),
      0,
    );
  }

  async stopSinks(): Promise<void> {
    await Promise.all(this.#sinks.splice(0).map((sink) => sink.stop()));
  }

  async log(vault: string): Promise<VaultLog> {
    return (await this.stack.keyVault.control("GET", `log?vault=${vault}`)) as VaultLog;
  }

  /** When each secret was set in these vaults, ms, ascending; waits until there are so many. */
  async setTimes(vaults: readonly string[], count: number): Promise<number[]> {
    const times = async (): Promise<number[]> => {
      const logs = await Promise.all(vaults.map((vault) => this.log(vault)));
      const effects = logs.flatMap(({ effects: all }) => all.filter(({ kind }) => kind === "set"));
      return effects.map(({ wallMs }) => wallMs).toSorted((a, b) => a - b);
    };
    // Not by polling the log itself, whose answer grows: the emulator would be busy with that.
    const written = async (): Promise<number> => {
      const { counters } = (await this.stack.keyVault.control("GET", "log?vault=none")) as {
        counters: { effectsByKind: Record<string, number> };
      };
      return counters.effectsByKind["set"] ?? 0;
    };
    const before = (await written()) - (await times()).length;
    await eventually(written, {
      what: `${count} secrets to be set`,
      until: (found) => found - before >= count,
      timeoutMs: DRAIN_MS_MAX,
    });
    return times();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopSinks();
    await this.#bus.close();
    await this.stack.stop();
    await rm(this.stack.dir, { recursive: true, force: true });
  }
}

/** Starts everything but a sink. */
export async function startSinkStack(limits: KeyVaultEmulatorOptions["limits"]): Promise<SinkStack> {
  const dir = await mkdtemp(join(tmpdir(), "keyferry-bench-"));
  const stack = await startStack({ dir, keyVault: { limits: limits ?? "azure" } });
  await stack.services["azure-sink"].stop();
  const ports = { logger: silentLogger, clock: systemClock, random: systemRandom };
  const bus = await connectBus({ servers: [stack.nats.url], name: "bench", ...ports });
  await bus.ready(AbortSignal.timeout(BACKLOG_MS_MAX));
  return new SinkStack(stack, bus);
}

/** Paths of secrets that are also legal external names. */
export function pathsOf(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}-${index}`);
}

/** Some at a time, in order. */
export async function forEach<T>(
  items: readonly T[],
  work: (item: T) => Promise<void>,
  concurrency = SETUP_CONCURRENCY,
): Promise<void> {
  const queue = items[Symbol.iterator]();
  const worker = async (): Promise<void> => {
    for (const item of queue) await work(item);
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
}
