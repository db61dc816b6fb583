import { readFileSync } from "node:fs";
import { KeyferryError } from "@keyferry/errors";
import type { Logger, Random, SecretValue } from "@keyferry/ports";
import { jetstream, jetstreamManager, type JetStreamClient, type JetStreamManager } from "@nats-io/jetstream";
import {
  connect,
  credsAuthenticator,
  type ConnectionOptions,
  type NatsConnection,
} from "@nats-io/transport-node";

// Owns: the one connection to NATS and its life. It never gives up: a service outlives any outage of NATS.

export interface LinkOptions {
  readonly servers: readonly string[];
  /** Name of the service: in NATS's connection list and in dead letters. */
  readonly name: string;
  readonly user?: string | undefined;
  readonly password?: SecretValue | undefined;
  readonly credsFile?: string | undefined;
  readonly caFile?: string | undefined;
  readonly logger: Logger;
  readonly random: Random;
}

// The client's default notices a silent partition after four minutes (2 min, twice).
const PING_INTERVAL_MS = 10_000;
const PINGS_OUT_MAX = 2;
const RECONNECT_WAIT_MS = 1_000;
const RECONNECT_JITTER_MS = 500;
// An API answer that takes longer is as good as none; the caller repeats.
const API_TIMEOUT_MS = 5_000;
// CAS by a subject filter (both lanes) came with 2.11; the floor is 2.12.7 for its fixes (DESIGN section 9).
const SERVER_FLOOR = [2, 12, 7] as const;

export interface Connected {
  readonly connection: NatsConnection;
  readonly js: JetStreamClient;
  readonly jsm: JetStreamManager;
}

export interface ServerFacts {
  readonly version: string;
  /** The cluster's name; undefined: a single server. */
  readonly cluster: string | undefined;
  readonly tls: boolean;
  readonly authenticated: boolean;
}

export class Link {
  readonly #options: LinkOptions;
  readonly #connecting: Promise<Connected>;
  #connected: Connected | undefined;
  #online = false;
  #failure: KeyferryError | undefined;
  readonly #onReconnect = new Set<() => void>();
  readonly #stop = new AbortController();
  #turn: Promise<void> | undefined;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#connecting = this.#connect();
    // Whoever needs the link awaits it and sees the failure; nobody may need it before the process stops.
    this.#connecting.catch((error: unknown) => {
      if (error instanceof KeyferryError) this.#failure = error;
    });
  }

  /** The connection once it was made the first time. Later outages show as failing calls. */
  async connected(): Promise<Connected> {
    return this.#connected ?? this.#connecting;
  }

  /** The connection, or `bus-unreachable` if there is none at the moment: for calls that must not wait. */
  now(): Connected {
    if (this.#connected === undefined || !this.#online) {
      throw (
        this.#failure ??
        new KeyferryError("bus-unreachable", `NATS does not answer at ${this.#options.servers.join(", ")}`)
      );
    }
    return this.#connected;
  }

  /**
   * Resolves at the end of this turn of the event loop, together for all who wait. The client writes to its socket after
   * each microtask that sends something; what is sent from here goes out as one write, which under load is most of the
   * price of a message.
   */
  turn(): Promise<void> {
    this.#turn ??= new Promise((resolve) =>
      setImmediate(() => {
        this.#turn = undefined;
        resolve();
      }),
    );
    return this.#turn;
  }

  get online(): boolean {
    return this.#online;
  }

  /** The server at the other end, as it says of itself; undefined while there is none. */
  get server(): ServerFacts | undefined {
    const info = this.#online ? this.#connected?.connection.info : undefined;
    if (info === undefined) return undefined;
    const { version, cluster, tls_required: tls = false, auth_required: authenticated = false } = info;
    return { version, cluster: cluster === "" ? undefined : cluster, tls, authenticated };
  }

  get failure(): KeyferryError | undefined {
    return this.#failure;
  }

  /** Aborts when the link closes. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** Calls `listener` after each reconnect: messages on core NATS may have been missed. */
  onReconnect(listener: () => void): () => void {
    this.#onReconnect.add(listener);
    return () => this.#onReconnect.delete(listener);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    if (this.#connected)
      await this.#connected.connection.drain().catch(() => this.#connected?.connection.close());
    this.#online = false;
  }

  async #connect(): Promise<Connected> {
    const connection = await this.#firstConnection();
    checkServerVersion(connection);
    const connected: Connected = {
      connection,
      js: jetstream(connection, { timeout: API_TIMEOUT_MS }),
      jsm: await jetstreamManager(connection, { timeout: API_TIMEOUT_MS, checkAPI: false }),
    };
    this.#connected = connected;
    this.#online = true;
    void this.#followStatus(connection);
    return connected;
  }

  async #firstConnection(): Promise<NatsConnection> {
    const { logger, servers } = this.#options;
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await connect(this.#connectionOptions());
      } catch (error) {
        if (this.#stop.signal.aborted)
          throw new KeyferryError("operation-aborted", "Stopped before NATS answered");
        if (attempt % 10 === 0) {
          const cause = error instanceof Error ? error.name : typeof error;
          logger.warn({ servers, cause }, "waiting for NATS");
        }
        await new Promise((resolve) => setTimeout(resolve, RECONNECT_WAIT_MS));
      }
    }
  }

  #connectionOptions(): ConnectionOptions {
    const { servers, name, user, password, credsFile, caFile } = this.#options;
    return {
      servers: [...servers],
      name,
      ...(user === undefined ? {} : { user }),
      ...(password === undefined ? {} : { pass: password.reveal() }),
      ...(credsFile === undefined
        ? {}
        : { authenticator: credsAuthenticator(() => readFileSync(credsFile)) }),
      ...(caFile === undefined ? {} : { tls: { caFile } }),
      maxReconnectAttempts: -1,
      reconnectTimeWait: RECONNECT_WAIT_MS,
      reconnectJitter: RECONNECT_JITTER_MS,
      pingInterval: PING_INTERVAL_MS,
      maxPingOut: PINGS_OUT_MAX,
      timeout: API_TIMEOUT_MS,
      noAsyncTraces: true,
    };
  }

  async #followStatus(connection: NatsConnection): Promise<void> {
    const { logger } = this.#options;
    for await (const status of connection.status()) {
      if (status.type === "disconnect") {
        this.#online = false;
        logger.warn({}, "NATS disconnected");
      } else if (status.type === "reconnect") {
        this.#online = true;
        logger.info({}, "NATS reconnected");
        for (const listener of this.#onReconnect) listener();
      }
    }
    this.#online = false;
  }
}

function checkServerVersion(connection: NatsConnection): void {
  const version = connection.info?.version ?? "0";
  const parts = version.split(/[.-]/).map(Number);
  for (const [index, floor] of SERVER_FLOOR.entries()) {
    const part = parts[index] ?? 0;
    if (part > floor) return;
    if (part < floor) {
      throw new KeyferryError(
        "bus-too-old",
        `nats-server ${version} is older than ${SERVER_FLOOR.join(".")}`,
        { version },
      );
    }
  }
}
