// The whole of Keyferry as processes, its own sink stopped: a benchmark lets a backlog of commands build up and starts
// sinks of its own on it, from the bundle that images carry. Figures come from the emulator's log.
import { execFile } from "node:child_process";
import { readFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
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

const ROOT = resolve(import.meta.dirname, "../..");
const SINK = join(ROOT, "dist/azure-sink/main.mjs");
/** Of 200 bytes, as a database password with its host and user is. */
const VALUE = "v".repeat(180);
/** Bounds of one wait: for commands, and for what sinks do with them. */
const BACKLOG_MS_MAX = 300_000;
const DRAIN_MS_MAX = 400_000;
const PROGRESS_MS = 10_000;
/** Per sink, in another vault, before it begins. */
const WARM_SECRETS = 60;
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

export interface Backlog {
  /** Only commands of secrets whose path begins so. */
  readonly prefix: string;
  readonly version: number;
  readonly lane?: "live" | "bulk";
}

/** Tells what is going on, with the seconds since the start; not part of the figures. */
export function say(text: string): void {
  process.stderr.write(`${(performance.now() / 1_000).toFixed(0).padStart(4)} s  ${text}\n`);
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

  /** Makes a destination. No sink runs that could check its connection. */
  async destination(vault: string, over: Readonly<Record<string, unknown>> = {}): Promise<void> {
    await this.stack.vault.expect("PUT", `sys/sync/destinations/azure-kv/${vault}`, {
      key_vault_uri: `https://${vault}.vault.azure.net`,
      tenant_id: DEFAULT_TENANT_ID,
      client_id: DEFAULT_CLIENT_ID,
      client_secret: DEFAULT_CLIENT_SECRET,
      secret_name_template: "{{ .SecretPath }}",
      skip_connection_check: true,
      ...over,
    });
  }

  /** Makes a destination and associates secrets that it writes; nothing is synced before a sink runs. */
  async associate(
    vault: string,
    paths: readonly string[],
    over: Readonly<Record<string, unknown>> = {},
  ): Promise<void> {
    await this.destination(vault, over);
    await this.write(paths);
    await forEach(paths, async (path) => {
      const body = { mount: STACK_MOUNT, secret_name: path };
      await this.stack.vault.expect("PUT", `sys/sync/destinations/azure-kv/${vault}/associations/set`, body);
    });
  }

  /** Associates by a rule whatever begins with `prefix`: its commands go to the bulk lane. */
  async rule(vault: string, prefix: string): Promise<void> {
    await this.stack.vault.expect("PUT", `sys/sync/rules/azure-kv/${vault}/fill`, {
      mounts: STACK_MOUNT,
      paths: `${prefix}*`,
    });
  }

  /** Sinks leave the commands of a paused destination alone, or all of them. */
  async pause(vault?: string): Promise<void> {
    const body = { ...placeOf(vault), reason: "the backlog builds up" };
    await this.stack.vault.expect("PUT", "sys/sync/pause", body);
  }

  async resume(vault?: string): Promise<void> {
    await this.stack.vault.expect("PUT", "sys/sync/resume", placeOf(vault));
  }

  /** Writes the next version of each secret. */
  async write(paths: readonly string[]): Promise<void> {
    await forEach(paths, async (path) => {
      await this.#source.putSecret(STACK_MOUNT, path, { value: VALUE });
    });
  }

  /** Waits until this many commands wish this version. */
  async backlog(count: number, { prefix, version, lane }: Backlog): Promise<void> {
    const stop = new AbortController();
    const view = await this.#bus.commands.watch(stop.signal);
    const told = teller(`of ${count} commands`);
    const queued = (): number => {
      const commands = [...view.entries()].map(([, { value }]) => value);
      return told(
        commands.filter(
          (command) =>
            command.expect?.current === version &&
            command.secret.path.startsWith(prefix) &&
            (lane === undefined || command.lane === lane),
        ).length,
      );
    };
    await eventually(queued, {
      what: `${count} commands in the queue`,
      until: (found) => found >= count,
      timeoutMs: BACKLOG_MS_MAX,
    });
    stop.abort();
  }

  /** What runs beside a sink on the same cores here has a machine of its own elsewhere. */
  async stopDetector(): Promise<void> {
    await this.stack.services["change-detector"].kill();
  }

  /** And without the association-service. */
  async stopOthers(): Promise<void> {
    const { services } = this.stack;
    await Promise.all([services["change-detector"].kill(), services["association-service"].kill()]);
  }

  async startOthers(): Promise<void> {
    const { services } = this.stack;
    await Promise.all([services["association-service"].start(), services["change-detector"].start()]);
  }

  /** Starts a sink of the benchmark's own. `profileDir`: where it leaves a CPU profile. */
  async startSink(concurrency: number, profileDir?: string): Promise<void> {
    const healthPort = await freePort();
    const configuration = JSON.parse(await readFile(this.stack.configFile, "utf8")) as {
      azureSink: Record<string, unknown>;
    };
    Object.assign(configuration.azureSink, { listen: `127.0.0.1:${healthPort}`, concurrency });
    const configFile = join(this.stack.dir, `sink-${healthPort}.yaml`);
    await writeFile(configFile, JSON.stringify(configuration));
    const profile = `--cpu-prof --cpu-prof-dir=${profileDir ?? ""}`;
    const env = profileDir === undefined ? {} : { NODE_OPTIONS: profile };
    this.#sinks.push(await startService("azure-sink", { configFile, healthPort, env, program: SINK }));
  }

  /** Starts sinks and lets them work on another vault first: a rule is written where sinks run already. */
  async startWarm(sinks: number, concurrency: number, name: string): Promise<void> {
    const vault = `bench-${name}`;
    const count = WARM_SECRETS * sinks;
    await this.associate(vault, pathsOf(name, count));
    for (let started = 0; started < sinks; started += 1) await this.startSink(concurrency);
    await this.setTimes([vault], count);
  }

  /** Processor time that the running sinks have used, s. */
  async sinkCpuS(): Promise<number> {
    const texts = await Promise.all(this.#sinks.map((sink) => sink.metrics()));
    return texts.reduce(
      (sum, text) => sum + Number(/^process_cpu_seconds_total(?:\{.*\})? (\S+)/m.exec(text)?.[1] ?? 0),
      0,
    );
  }

  /** Likewise of OpenBao, NATS, Redis and the emulator together; 0 where there is no /proc. */
  async serversCpuS(): Promise<number> {
    const { openbao, nats, redis, keyVault } = this.stack;
    const used = [openbao, nats, redis, keyVault].map(({ pid }) => processorS(pid).catch(() => 0));
    return (await Promise.all(used)).reduce((sum, seconds) => sum + seconds, 0);
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
    const told = teller(`of ${count} secrets set`);
    await eventually(async () => told((await written()) - before), {
      what: `${count} secrets to be set`,
      until: (found) => found >= count,
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

/** Starts everything but a sink, and makes the sink's bundle anew. */
export async function startSinkStack(limits: KeyVaultEmulatorOptions["limits"]): Promise<SinkStack> {
  await promisify(execFile)(process.execPath, [join(ROOT, "deploy/build.ts"), "azure-sink"]);
  const dir = await mkdtemp(join(tmpdir(), "keyferry-bench-"));
  const stack = await startStack({ dir, keyVault: { limits: limits ?? "azure" }, onStep: say });
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

/** Of all stretches of so long the one with the most: what a sliding window would count. */
export function mostWithin(times: readonly number[], windowMs: number): number {
  let most = 0;
  let from = 0;
  for (const [index, time] of times.entries()) {
    while (time - (times[from] ?? 0) >= windowMs) from += 1;
    most = Math.max(most, index - from + 1);
  }
  return most;
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

/** Linux counts in ticks of 10 ms. */
async function processorS(pid: number | undefined): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8");
  // Behind the name in brackets, which may hold blanks: the state, and eleven fields on, user and system time.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function placeOf(vault: string | undefined): Readonly<Record<string, string>> {
  return vault === undefined ? {} : { destination: vault };
}

/** Passes a count on, and tells it now and then. */
function teller(what: string): (count: number) => number {
  let toldAt = performance.now();
  return (count) => {
    if (performance.now() - toldAt >= PROGRESS_MS) {
      toldAt = performance.now();
      say(`${count} ${what}`);
    }
    return count;
  };
}
