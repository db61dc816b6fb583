// A sink on real NATS, Redis and OpenBao and the Key Vault emulator, without its consumers: a test publishes a command
// and hands it to the sink itself, so that it decides what happens between the two.
import { type Bus, connectBus } from "@keyferry/bus";
import {
  type DestinationPolicy,
  type DestinationRecord,
  type ExpectedState,
  fingerprintOf,
  type SyncCommand,
  type SyncRecord,
} from "@keyferry/contracts";
import { createKeyVault, type KeyVault } from "@keyferry/key-vault";
import {
  DEFAULT_CLIENT_ID,
  DEFAULT_CLIENT_SECRET,
  DEFAULT_TENANT_ID,
  type KeyVaultEmulator,
  type KeyVaultEmulatorOptions,
} from "@keyferry/key-vault-emulator";
import { newUid, secretKeyOf } from "@keyferry/naming";
import { SecretValue, silentLogger, systemClock, systemRandom } from "@keyferry/ports";
import { connectState, type State } from "@keyferry/state";
import {
  eventually,
  type NatsServer,
  type OpenBaoServer,
  type RedisServer,
  startKeyVault,
  startNats,
  startOpenBao,
  startRedis,
  VaultApi,
} from "@keyferry/testkit";
import { createVaultClient, type VaultClient } from "@keyferry/vault-client";
import { type SyncEnd, syncOne } from "../../src/apply/sync-one.ts";
import { Breakers } from "../../src/breaker/breakers.ts";
import type { SinkEvents } from "../../src/events.ts";
import { WakeLoop } from "../../src/later/wake-loop.ts";
import type { ResultLog, SinkDependencies } from "../../src/ports.ts";
import type { PauseGate } from "../../src/pauses/pauses.ts";
import { RecordStore } from "../../src/record/record-store.ts";
import { steppedResults } from "./stepped-results.ts";
import { SteppingClock } from "./stepping-clock.ts";

const MOUNT = "secret";
const PORTS = { logger: silentLogger, clock: systemClock, random: systemRandom };
const TAG_KEYS = { active: "k1", keys: new Map([["k1", Buffer.alloc(32, 7)]]) };
const SECRET_KEY_KEY = Buffer.alloc(32, 9);

const NO_PAUSES: PauseGate = {
  check: () => undefined,
  hold: () => undefined,
  signal: () => new AbortController().signal,
  isPaused: () => false,
};

/** To spy on single events. */
export const silentEvents: SinkEvents = {
  commandConsumed: () => undefined,
  externalSecretPut: () => undefined,
  externalSecretPatched: () => undefined,
  externalSecretDeleted: () => undefined,
  externalSecretRecovered: () => undefined,
  externalSecretLetGo: () => undefined,
  foreignNameLeft: () => undefined,
  intentFinished: () => undefined,
  lateWrite: () => undefined,
  orphanCollected: () => undefined,
  driftChecked: () => undefined,
  manyVersions: () => undefined,
  outcome: () => undefined,
  repeatDropped: () => undefined,
  superseded: () => undefined,
  externalSecretPurged: () => undefined,
  purgeRefused: () => undefined,
};

/** One secret, one association, one Key Vault. */
export interface Pair {
  readonly vault: string;
  readonly path: string;
  readonly destination: DestinationRecord;
  readonly association: string;
}

export class SinkBench implements AsyncDisposable {
  readonly servers: {
    openbao: OpenBaoServer;
    nats: NatsServer;
    redis: RedisServer;
    emulator: KeyVaultEmulator;
  };
  readonly bus: Bus;
  readonly state: State;
  readonly source: VaultClient;
  readonly api: VaultApi;
  /** Of one sink; every run of this bench is by the same. */
  readonly breakers: Breakers;
  readonly clock: SteppingClock;
  readonly results: ResultLog;
  readonly options: SinkBenchOptions;
  readonly knownAssociations = new Set<string>();
  readonly #vaults = new Map<string, KeyVault>();
  readonly #destinations = new Map<string, DestinationRecord>();
  #serial = 0;

  constructor(servers: SinkBench["servers"], bus: Bus, state: State, options: SinkBenchOptions) {
    this.servers = servers;
    this.options = options;
    this.clock = new SteppingClock();
    this.results = steppedResults(bus.results, this.clock);
    this.bus = bus;
    this.state = state;
    this.breakers = new Breakers({ later: state.later, clock: this.clock, random: systemRandom });
    this.api = new VaultApi(servers.openbao.url, servers.openbao.rootToken);
    this.source = createVaultClient({
      address: servers.openbao.url,
      token: new SecretValue(servers.openbao.rootToken),
      clock: systemClock,
      logger: silentLogger,
    });
  }

  /** A new vault, destination, association and secret path that no other test uses. */
  pair(name = "app", policy: DestinationPolicy = {}): Pair {
    this.#serial += 1;
    const vault = `vault-${this.#serial}`;
    const uid = newUid(systemRandom);
    const destination: DestinationRecord = {
      major: 1,
      uid,
      namespace: "",
      type: "azure-kv",
      name: vault,
      state: "active",
      connection: {
        keyVaultUri: `https://${vault}.vault.azure.net`,
        tenantId: DEFAULT_TENANT_ID,
        clientId: DEFAULT_CLIENT_ID,
        credential: { kind: "environment" },
      },
      spec: { granularity: "secret-path", nameTemplate: name, customTags: {} },
      policy,
      createdAt: "",
      updatedAt: "",
    };
    this.#destinations.set(uid, destination);
    const association = newUid(systemRandom);
    this.knownAssociations.add(association);
    return { vault, path: `p${this.#serial}`, destination, association };
  }

  /** More secrets for the destination of `pair`, each with an association of its own. */
  siblings(pair: Pair, count: number): Pair[] {
    return Array.from({ length: count }, (_, index) => {
      const association = newUid(systemRandom);
      this.knownAssociations.add(association);
      return { ...pair, association, path: `${pair.path}-${index}` };
    });
  }

  /** Writes the secret's next version. */
  write(pair: Pair, data: Readonly<Record<string, unknown>>): Promise<number> {
    return this.api.putSecret(MOUNT, pair.path, data);
  }

  /** The command that a resolver would make of what the source shows now. */
  async command(pair: Pair, over: Partial<SyncCommand> = {}): Promise<SyncCommand> {
    const secret = { source: "main", namespace: "", mount: MOUNT, accessor: "kv_1", path: pair.path };
    const read = await this.source.readMetadata(secret);
    const state = read.kind === "present" ? read.state : ({ kind: "gone" } as const);
    const expect: ExpectedState = {
      incarnation: state.kind === "present" ? state.incarnation : null,
      current: state.kind === "present" ? state.current : 0,
      fingerprint: fingerprintOf(state),
    };
    return {
      major: 1,
      epoch: 1,
      op: "sync",
      destination: pair.destination.uid,
      association: pair.association,
      secretKey: secretKeyOf(SECRET_KEY_KEY, secret),
      secret,
      spec: pair.destination.spec,
      expect,
      permit: null,
      reason: "source",
      resolvedFrom: { associationRevision: 1, stateSequence: 1 },
      ...over,
    };
  }

  /** Publishes a command as the newest of its pair; gives its sequence. */
  async publish(command: SyncCommand): Promise<number> {
    const { destination, secretKey } = command;
    const last = await this.bus.commands.last(destination, secretKey);
    const result = await this.bus.commands.put(destination, secretKey, "live", command, last?.sequence ?? 0);
    if (result.kind === "lost") throw new Error("somebody else published");
    return result.sequence;
  }

  /** Hands a published command to a sink. */
  run(
    command: SyncCommand,
    sequence: number,
    over: { isWoken?: boolean; deps?: Partial<SinkDependencies> } = {},
  ): Promise<SyncEnd> {
    const deps = { ...this.dependencies(), ...over.deps };
    const store = new RecordStore(deps.results, deps.memory, deps.clock);
    const fence = { epoch: command.epoch, sequence };
    const signal = AbortSignal.timeout(60_000);
    return syncOne(
      { command, fence, lane: "live", isWoken: over.isWoken ?? false, deliveryCount: 1, signal },
      store,
      deps,
    );
  }

  /** Publishes and runs; gives the record that came of it. */
  async sync(pair: Pair, over: Partial<SyncCommand> = {}): Promise<SyncRecord> {
    const command = await this.command(pair, over);
    await this.run(command, await this.publish(command));
    return this.record(command);
  }

  /** Moves the sink's time and the vaults' forward. */
  advance(ms: number): void {
    this.clock.advance(ms);
    this.servers.emulator.clock.advance(ms);
  }

  /** Takes up everything that waits and whose time has come, as the wake loop does. */
  async wakeDue(over: Partial<SinkDependencies> = {}): Promise<void> {
    const deps = { ...this.dependencies(), ...over };
    const loop = new WakeLoop(new RecordStore(deps.results, deps.memory, deps.clock), deps);
    await loop.takeDue(AbortSignal.timeout(60_000));
    await loop.settled();
  }

  /** Tries a waiting pair again, each time when it wants to be, until its outcome is of this kind. */
  async wakeUntil(
    command: Pick<SyncCommand, "destination" | "secretKey">,
    kind: string,
  ): Promise<SyncRecord> {
    return eventually(
      async () => {
        const record = await this.record(command);
        if (record.outcome?.kind === kind) return record;
        if (record.outcome?.kind === "waiting") {
          this.advance(Math.max(0, record.outcome.until - this.clock.now()));
        }
        const last = await this.bus.commands.last(command.destination, command.secretKey);
        if (last !== undefined) await this.run(last.value, last.sequence, { isWoken: true });
        return undefined;
      },
      { what: `the outcome ${kind}`, timeoutMs: 40_000 },
    );
  }

  async record({
    destination,
    secretKey,
  }: Pick<SyncCommand, "destination" | "secretKey">): Promise<SyncRecord> {
    const entry = await this.bus.results.last(destination, secretKey);
    if (entry === undefined) throw new Error("no outcome was recorded");
    return entry.value;
  }

  dependencies(): SinkDependencies {
    return {
      ...PORTS,
      commands: this.bus.commands,
      clock: this.clock,
      results: this.results,
      deadLetters: this.bus.deadLetters,
      hints: this.bus.hints,
      source: this.source,
      memory: this.state,
      destinations: { open: async (uid) => this.#open(uid) },
      associations: { isKnown: async (uid) => this.knownAssociations.has(uid) },
      breakers: this.breakers,
      pauses: NO_PAUSES,
      putSpacingMs: 0,
      identity: { instanceId: "instanceaaaaa", tagKeys: TAG_KEYS },
      events: silentEvents,
    };
  }

  /** Requests that reached a vault, by operation; the handshake is not counted. */
  calls(pair: Pair): Readonly<Record<string, number>> {
    const counts: Record<string, number> = {};
    for (const { operation, status } of this.servers.emulator.oracle.requests({ vault: pair.vault })) {
      if (status !== 401) counts[operation] = (counts[operation] ?? 0) + 1;
    }
    return counts;
  }

  /** Versions ever written under the name. */
  writes(pair: Pair, name = "app"): number {
    return this.servers.emulator.oracle.effects({ vault: pair.vault, name, kind: "set" }).length;
  }

  /** The value that the vault holds now; undefined if there is none. */
  value(pair: Pair, name = "app"): string | undefined {
    const secrets = this.servers.emulator.state(pair.vault, { reveal: true });
    return secrets.find((secret) => secret.name === name && secret.phase === "active")?.value;
  }

  /** The vault as somebody else with the same rights uses it. */
  keyVault(pair: Pair): KeyVault {
    const opened = this.#open(pair.destination.uid);
    if (opened === undefined) throw new Error("the destination is not known");
    return opened.vault;
  }

  /** Writes a version by hand. */
  async byHand(pair: Pair, value: string, tags: Readonly<Record<string, string>> = {}, name = "app") {
    const secret = { value: new SecretValue(value), tags };
    return this.keyVault(pair).put(name, secret, { signal: AbortSignal.timeout(10_000) });
  }

  /** What lies under the name, as far as it is readable. */
  secret(pair: Pair, name = "app") {
    const secrets = this.servers.emulator.state(pair.vault, { reveal: true });
    return secrets.find((secret) => secret.name === name && secret.phase === "active");
  }

  /** Lets a destination lead to another vault, before it was used. */
  redirect(pair: Pair, keyVaultUri: string): void {
    const { uid, connection } = pair.destination;
    this.#destinations.set(uid, { ...pair.destination, connection: { ...connection, keyVaultUri } });
  }

  /** Of the destination; from the next command on. */
  setPolicy(pair: Pair, policy: DestinationPolicy): void {
    this.#destinations.set(pair.destination.uid, { ...pair.destination, policy });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#vaults.values()].map((vault) => vault.close()));
    await this.source.close();
    await this.state.close();
    await this.bus.close();
    const { openbao, nats, redis, emulator } = this.servers;
    await Promise.all([openbao.stop(), nats.stop(), redis.stop(), emulator.close()]);
  }

  #open(uid: string): { record: DestinationRecord; vault: KeyVault } | undefined {
    const record = this.#destinations.get(uid);
    if (record === undefined) return undefined;
    const { port, caFile } = this.servers.emulator;
    let vault = this.#vaults.get(uid);
    if (vault === undefined) {
      vault = createKeyVault({
        uri: record.connection.keyVaultUri,
        credential: {
          kind: "client-secret",
          tenantId: DEFAULT_TENANT_ID,
          clientId: DEFAULT_CLIENT_ID,
          clientSecret: new SecretValue(DEFAULT_CLIENT_SECRET),
        },
        caFile,
        emulator: { address: `127.0.0.1:${port}` },
        requestTimeoutMs: this.options.requestTimeoutMs ?? 5_000,
        logger: silentLogger,
        clock: systemClock,
      });
      this.#vaults.set(uid, vault);
    }
    return { record, vault };
  }
}

export interface SinkBenchOptions {
  readonly requestTimeoutMs?: number;
  /** Short by default. */
  readonly softDelete?: KeyVaultEmulatorOptions["softDelete"];
  readonly vaultDefaults?: KeyVaultEmulatorOptions["vaultDefaults"];
}

/** Starts every server that a sink needs. */
export async function startSinkBench(options: SinkBenchOptions = {}): Promise<SinkBench> {
  const [openbao, nats, redis, emulator] = await Promise.all([
    startOpenBao(),
    startNats(),
    startRedis(),
    startKeyVault({
      limits: "off",
      ...(options.vaultDefaults === undefined ? {} : { vaultDefaults: options.vaultDefaults }),
      softDelete: options.softDelete ?? {
        deletingMs: 200,
        recoverReadableMs: 50,
        recoverWritableMs: 300,
        purgingMs: 100,
      },
    }),
  ]);
  const bus = await connectBus({ servers: [nats.url], name: "sink-bench", ...PORTS });
  const state = await connectState({ url: redis.url, ...PORTS });
  await eventually(async () => bus.status().connected && state.status().connected, {
    what: "NATS and Redis",
  });
  await bus.provision();
  return new SinkBench({ openbao, nats, redis, emulator }, bus, state, options);
}
