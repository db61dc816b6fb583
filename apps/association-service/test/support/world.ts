// The association-service in this process, on a real OpenBao and a real NATS. The test itself is detector and sink: it
// says what was seen and how commands ended, so that it decides what happens in between.
import { createHash } from "node:crypto";
import { type Bus, connectBus } from "@keyferry/bus";
import {
  type AssociationRecord,
  type DestinationRecord,
  fingerprintOf,
  type Outcome,
  type SecretRef,
  type SyncCommand,
  type SyncRecord,
  type VersionEvent,
  wishDigest,
} from "@keyferry/contracts";
import { secretKeyOf } from "@keyferry/naming";
import {
  type LogFields,
  type Logger,
  SecretValue,
  silentLogger,
  systemClock,
  systemRandom,
} from "@keyferry/ports";
import { type AssociationConfig, createMetrics, type Metrics } from "@keyferry/service";
import { eventually, type NatsServer, type OpenBaoServer, startNats, startOpenBao } from "@keyferry/testkit";
import { createVaultClient, type VaultClient } from "@keyferry/vault-client";
import { start } from "../../src/index.ts";
import { expectDescribed } from "./described.ts";

const SOURCE = "main";
export const OWN_MOUNT = "keyferry";
const PORTS = { clock: systemClock, random: systemRandom };

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The parsed body; empty for none. */
  readonly body: Record<string, unknown>;
  /** `data` of Vault's envelope. */
  readonly data: Record<string, unknown>;
  readonly errors: readonly string[];
}

export interface CallOptions {
  readonly token?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface WorldOptions {
  readonly gateway?: boolean;
  readonly settleIntervalS?: number;
  readonly connectionCheck?: "refuse" | "warn" | "off";
  readonly servers?: { readonly bao: OpenBaoServer; readonly nats: NatsServer };
}

/** A running association-service with its own closers, as runService would hold them. */
class InProcess {
  readonly logs: { message: string; fields: LogFields }[] = [];
  readonly metrics: Metrics = createMetrics({
    service: "association-service",
    version: "test",
    processFigures: false,
  });
  readonly #checks = new Map<string, () => { kind: "ready" } | { kind: "waiting"; why: string }>();
  readonly #closers: (() => Promise<void> | void)[] = [];
  readonly #stop = new AbortController();
  #starting: Promise<void> | undefined;
  /** Why it could not start. */
  failure: unknown;
  api = "";

  waiting(): readonly string[] {
    return [...this.#checks].flatMap(([name, check]) => {
      const found = check();
      return found.kind === "waiting" ? [`${name}: ${found.why}`] : [];
    });
  }

  begin(config: AssociationConfig, token: string): void {
    const secrets = { token: new SecretValue(token) };
    this.#starting = start({
      config,
      secrets,
      rereadSecrets: async () => secrets,
      logger: this.#logger({}),
      metrics: this.metrics,
      ...PORTS,
      signal: this.#stop.signal,
      addReadinessCheck: (name, check) => void this.#checks.set(name, check),
      onShutdown: (_name, close) => void this.#closers.push(close),
      announce: async ({ api }) => {
        this.api = `http://${api ?? ""}`;
      },
    });
    this.#starting.catch((error: unknown) => {
      this.failure = error;
    });
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#starting?.catch(() => undefined);
    for (let close = this.#closers.pop(); close !== undefined; close = this.#closers.pop()) await close();
  }

  #logger(bindings: LogFields): Logger {
    const keep = (fields: LogFields, message: string) =>
      void this.logs.push({ message, fields: { ...bindings, ...fields } });
    return {
      debug: keep,
      info: keep,
      warn: keep,
      error: keep,
      child: (more) => this.#logger({ ...bindings, ...more }),
    };
  }
}

export class World implements AsyncDisposable {
  readonly bao: OpenBaoServer;
  readonly nats: NatsServer;
  readonly bus: Bus;
  readonly source: VaultClient;
  service: InProcess;
  readonly #config: AssociationConfig;
  readonly #ownsServers: boolean;
  #key: Buffer | undefined;

  constructor(
    parts: { bao: OpenBaoServer; nats: NatsServer; bus: Bus; source: VaultClient },
    config: AssociationConfig,
    ownsServers: boolean,
  ) {
    this.bao = parts.bao;
    this.nats = parts.nats;
    this.bus = parts.bus;
    this.source = parts.source;
    this.#config = config;
    this.#ownsServers = ownsServers;
    this.service = new InProcess();
  }

  /** Starts the service; resolves when it is ready. */
  async begin(): Promise<void> {
    this.service.begin(this.#config, this.bao.rootToken);
    await eventually(
      () => {
        const { failure, api } = this.service;
        return failure !== undefined || (api !== "" && this.service.waiting().length === 0);
      },
      { what: "the association-service to be ready" },
    );
    if (this.service.failure !== undefined) throw this.service.failure;
    await this.bus.ready(AbortSignal.timeout(30_000));
  }

  /** A second association-service on the same servers. */
  async another(): Promise<InProcess> {
    const other = new InProcess();
    other.begin(this.#config, this.bao.rootToken);
    await eventually(() => other.api !== "" && other.waiting().length === 0, { what: "a second service" });
    return other;
  }

  async restart(): Promise<void> {
    await this.service.close();
    this.service = new InProcess();
    await this.begin();
  }

  /** Calls the API; root's token unless another, or null for none. */
  async call(method: string, path: string, body?: unknown, options: CallOptions = {}): Promise<Answer> {
    const answer = await callHttp(`${this.service.api}/v1/${path}`, method, body, {
      ...options,
      token: options.token === undefined ? this.bao.rootToken : options.token,
    });
    expectDescribed(method, path, answer);
    return answer;
  }

  /** Calls OpenBao itself; throws unless it answers with 2xx. */
  async vault(method: string, path: string, body?: unknown): Promise<Answer> {
    const answer = await callHttp(`${this.bao.url}/v1/${path}`, method, body, { token: this.bao.rootToken });
    if (answer.status > 299) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
    return answer;
  }

  async newMount(name: string, version = "2"): Promise<void> {
    await this.vault("POST", `sys/mounts/${name}`, { type: "kv", options: { version } });
    if (version === "2") {
      await eventually(() => this.vault("GET", `${name}/config`), { what: `mount ${name} to answer` });
    }
  }

  write(path: string, mount = "secret"): Promise<Answer> {
    return this.vault("POST", `${mount}/data/${path}`, { data: { user: "u", password: `value of ${path}` } });
  }

  /** A token that may do just this. */
  async tokenFor(policy: string): Promise<string> {
    const name = `policy-${systemRandom.uuid()}`;
    await this.vault("PUT", `sys/policies/acl/${name}`, { policy });
    const made = await this.vault("POST", "auth/token/create", { policies: [name], no_parent: true });
    return (made.body["auth"] as { client_token: string }).client_token;
  }

  async createDestination(name: string, fields: Record<string, unknown> = {}): Promise<DestinationRecord> {
    const answer = await this.call("PUT", `sys/sync/destinations/azure-kv/${name}`, {
      ...CONNECTION,
      key_vault_uri: vaultOf(name),
      ...fields,
    });
    if (answer.status !== 200) throw new Error(`destination ${name}: ${answer.text}`);
    return this.destination(name);
  }

  async destination(name: string): Promise<DestinationRecord> {
    const entry = await this.bus.destinations.get(destinationKeyOf(name));
    if (entry === undefined) throw new Error(`no destination ${name}`);
    return entry.value;
  }

  set(destination: string, path: string, mount = "secret"): Promise<Answer> {
    const url = `sys/sync/destinations/azure-kv/${destination}/associations/set`;
    return this.call("PUT", url, { mount, secret_name: path });
  }

  remove(destination: string, path: string, mount = "secret"): Promise<Answer> {
    const url = `sys/sync/destinations/azure-kv/${destination}/associations/remove`;
    return this.call("PUT", url, { mount, secret_name: path });
  }

  async refOf(path: string, mount = "secret"): Promise<SecretRef> {
    const found = await this.source.mountOf({ namespace: "", path: mount });
    if (found.kind === "missing") throw new Error(`no mount ${mount}`);
    return { source: SOURCE, namespace: "", mount, accessor: found.mount.accessor, path };
  }

  async keyOf(path: string, mount = "secret"): Promise<string> {
    if (this.#key === undefined) {
      const instance = await this.bus.instance.get("instance");
      this.#key = Buffer.from(instance?.value.secretKeyKey ?? "", "base64");
    }
    return secretKeyOf(this.#key, await this.refOf(path, mount));
  }

  /** As the detector: looks at the secret and says what it saw. */
  async observe(path: string, mount = "secret", changes?: VersionEvent["changes"]): Promise<VersionEvent> {
    const secret = await this.refOf(path, mount);
    const key = await this.keyOf(path, mount);
    const read = await this.source.readMetadata(secret);
    const state = read.kind === "present" ? read.state : ({ kind: "gone" } as const);
    const last = await this.bus.events.last(SOURCE, key);
    const event: VersionEvent = {
      major: 1,
      secret,
      clusterId: "test",
      state,
      fingerprint: fingerprintOf(state),
      changes: changes ?? [last === undefined ? { kind: "first-seen" } : { kind: "metadata-updated" }],
      via: "hint",
      readStartedAt: Date.now(),
    };
    const result = await this.bus.events.append(SOURCE, key, event, last?.sequence ?? 0);
    if (result.kind === "lost") throw new Error("somebody else is the detector");
    return event;
  }

  /** Waits for the last command of a pair to be as wished. */
  async command(
    destination: string,
    path: string,
    until: (command: SyncCommand) => boolean = () => true,
    mount = "secret",
  ): Promise<{ value: SyncCommand; sequence: number; lane: string }> {
    const { uid } = await this.destinationEver(destination);
    const key = await this.keyOf(path, mount);
    return eventually(
      async () => {
        const last = await this.bus.commands.last(uid, key);
        return last !== undefined && until(last.value) ? last : undefined;
      },
      { what: `the command of ${destination} and ${mount}/${path}` },
    );
  }

  /** As the sink: says how the last command ended. */
  async end(destination: string, path: string, outcome: Outcome, mount = "secret"): Promise<SyncRecord> {
    const { uid } = await this.destinationEver(destination);
    const key = await this.keyOf(path, mount);
    const last = await this.bus.commands.last(uid, key);
    if (last === undefined) throw new Error("there is no command");
    const before = await this.bus.results.last(uid, key);
    const record = recordOf(last.value, last.sequence, outcome, `kv-${path.replaceAll("/", "-")}`);
    const result = await this.bus.results.append(uid, key, record, before?.sequence ?? 0);
    if (result.kind === "lost") throw new Error("somebody else is the sink");
    return record;
  }

  /** As the sink: the last command ended so, and what its names hold is as it was. */
  async endKeeping(destination: string, path: string, outcome: Outcome, mount = "secret"): Promise<void> {
    const { uid } = await this.destinationEver(destination);
    const key = await this.keyOf(path, mount);
    const [last, before] = await Promise.all([
      this.bus.commands.last(uid, key),
      this.bus.results.last(uid, key),
    ]);
    if (last === undefined || before === undefined) throw new Error("there is no command, or no record");
    const consumed = { epoch: last.value.epoch, sequence: last.sequence };
    const record = { ...before.value, consumed, wish: wishDigest(last.value), outcome };
    const result = await this.bus.results.append(uid, key, record, before.sequence);
    if (result.kind === "lost") throw new Error("somebody else is the sink");
  }

  async association(destination: string, path: string): Promise<AssociationRecord | undefined> {
    const { uid } = await this.destinationEver(destination);
    return (await this.bus.associations.get(`${uid}.${await this.keyOf(path)}`))?.value;
  }

  readonly #known = new Map<string, DestinationRecord>();

  // Its uid is still needed when the name is gone.
  async destinationEver(name: string): Promise<DestinationRecord> {
    const entry = await this.bus.destinations.get(destinationKeyOf(name));
    const found = entry?.value ?? this.#known.get(name);
    if (found === undefined) throw new Error(`no destination ${name}`);
    this.#known.set(name, found);
    return found;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.service.close();
    await this.source.close();
    await this.bus.close();
    if (this.#ownsServers) await Promise.all([this.bao.stop(), this.nats.stop()]);
  }
}

export const CONNECTION = {
  key_vault_uri: "https://kv-1234.vault.azure.net",
  tenant_id: "11111111-2222-3333-4444-555555555555",
  client_id: "66666666-7777-8888-9999-000000000000",
  client_secret: "a-client-secret-canary",
};

// A vault of its own, so that one secret may go to several destinations.
function vaultOf(name: string): string {
  const hash = createHash("sha256").update(name).digest("hex").slice(0, 12);
  return `https://kv-${hash}.vault.azure.net`;
}

function destinationKeyOf(name: string): string {
  return `name.-.azure-kv.${Buffer.from(name).toString("base64url")}`;
}

function recordOf(command: SyncCommand, sequence: number, outcome: Outcome, name: string): SyncRecord {
  const now = new Date().toISOString();
  const fence = { epoch: command.epoch, sequence };
  const live = outcome.kind === "synced";
  return {
    major: 1,
    kind: "outcome",
    destination: command.destination,
    association: command.association,
    secretKey: command.secretKey,
    secret: command.secret,
    consumed: fence,
    wish: wishDigest(command),
    names: {
      [name]: {
        name,
        state: live ? "live" : "absent",
        applied: live
          ? {
              fence,
              incarnation: command.expect?.incarnation ?? "",
              version: outcome.version,
              keyVaultVersion: "0".repeat(32),
              digest: "k1.x",
              tagsDigest: "x",
              at: now,
            }
          : null,
        intent: null,
      },
    },
    outcome,
    since: now,
    updatedAt: now,
  };
}

async function callHttp(
  url: string,
  method: string,
  body: unknown,
  { token, headers = {} }: CallOptions,
): Promise<Answer> {
  const answer = await fetch(url, {
    method,
    headers: { ...(typeof token === "string" ? { "x-vault-token": token } : {}), ...headers },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    redirect: "manual",
  });
  const text = await answer.text();
  const parsed = parse(text);
  return {
    status: answer.status,
    headers: answer.headers,
    text,
    body: parsed,
    data: (parsed["data"] ?? {}) as Record<string, unknown>,
    errors: (parsed["errors"] ?? []) as readonly string[],
  };
}

function parse(text: string): Record<string, unknown> {
  try {
    return text === "" ? {} : (JSON.parse(text) as Record<string, unknown>);
  } catch {
    return {};
  }
}

/** Servers, and the service on them, ready. */
export async function startWorld(options: WorldOptions = {}): Promise<World> {
  const given = options.servers;
  const [bao, nats] =
    given === undefined ? await Promise.all([startOpenBao(), startNats()]) : [given.bao, given.nats];
  const config = configFor(bao, nats, options);
  const bus = await connectBus({ servers: [nats.url], name: "test", logger: silentLogger, ...PORTS });
  const source = createVaultClient({
    address: bao.url,
    token: new SecretValue(bao.rootToken),
    logger: silentLogger,
    clock: systemClock,
  });
  const world = new World({ bao, nats, bus, source }, config, given === undefined);
  await world.begin();
  return world;
}

function configFor(bao: OpenBaoServer, nats: NatsServer, options: WorldOptions): AssociationConfig {
  return {
    log: { level: "info" },
    traces: { samplePercent: 100 },
    source: { name: SOURCE, address: bao.url, namespace: "", ownMount: OWN_MOUNT },
    nats: { servers: [nats.url], replicas: 1 },
    associationService: {
      listen: { host: "127.0.0.1", port: 0 },
      api: { listen: { host: "127.0.0.1", port: 0 } },
      gateway: { enabled: options.gateway ?? false },
      defaults: {},
      connectionCheck: options.connectionCheck ?? "refuse",
      // Tests that want settle lower it; the others must not be mended by it.
      settle: { intervalS: options.settleIntervalS ?? 3_600 },
      deleteBudget: { perHourMin: 10, perHourPercent: 10, perDayPercent: 25 },
    },
  };
}
