// Owns: the connection: it is there or it is not, and every command says so quickly. Nothing queues while Redis is away
// and nothing is sent twice: a token taken twice would be lost, a lock taken twice held by nobody (hazard redis-away).
// Does not own: what is kept there.
import { readFileSync } from "node:fs";
import { getCACertificates } from "node:tls";
import { KeyferryError } from "@keyferry/errors";
import type { Logger, SecretValue } from "@keyferry/ports";
import { Redis, ReplyError } from "ioredis";
import { readScript, SCRIPT_NAMES, type ScriptName, SCRIPTS } from "./scripts.ts";

export interface ConnectionOptions {
  readonly url: SecretValue | string;
  readonly caFile?: string | undefined;
  readonly logger: Logger;
}

const COMMAND_MS_MAX = 1_500; // a script takes well under a millisecond; a Redis that is slower is as good as away
const CONNECT_MS_MAX = 3_000;
const SILENCE_MS_MAX = 5_000; // with commands under way; then the connection is made anew
const RECONNECT_MS_MIN = 50;
const RECONNECT_MS_MAX = 2_000;

/** Redis as the rest of this package uses it. */
export class Connection {
  readonly #redis: Redis;
  readonly #logger: Logger;
  #why: string | undefined = "not connected yet";
  #closing = false;

  constructor(options: ConnectionOptions) {
    this.#logger = options.logger;
    this.#redis = new Redis(urlOf(options), optionsOf(options));
    for (const name of SCRIPT_NAMES) {
      const numberOfKeys = SCRIPTS[name];
      const lua = readScript(name);
      this.#redis.defineCommand(name, numberOfKeys === undefined ? { lua } : { lua, numberOfKeys });
    }
    this.#redis.on("ready", () => this.#connected());
    this.#redis.on("error", (error) => this.#lost(reasonOf(error)));
    this.#redis.on("close", () => this.#lost("the connection was closed"));
  }

  /** Undefined while connected. */
  get whyNot(): string | undefined {
    return this.#redis.status === "ready" ? undefined : this.#why;
  }

  /** Runs plain commands. Throws `state-unreachable` whatever it is that Redis cannot do. */
  async run<T>(work: (redis: Redis) => Promise<T>): Promise<T> {
    try {
      return await work(this.#redis);
    } catch (error) {
      throw stateError(error);
    }
  }

  /** Runs a script; by its hash, and by its text where Redis does not know it (any more). */
  async script(
    name: ScriptName,
    keys: readonly string[],
    args: readonly (string | number)[],
  ): Promise<unknown> {
    const count = SCRIPTS[name] === undefined ? [keys.length] : [];
    return this.run((redis) => (redis as unknown as Scripted)[name](...count, ...keys, ...args));
  }

  async close(): Promise<void> {
    this.#closing = true;
    this.#redis.disconnect();
  }

  #connected(): void {
    this.#why = undefined;
    this.#logger.info({}, "Redis is connected");
  }

  #lost(why: string): void {
    // Reconnecting goes on by itself; one line per outage.
    if (this.#why === undefined && !this.#closing) this.#logger.warn({ why }, "Redis is away");
    this.#why = why;
  }
}

type Scripted = Record<ScriptName, (...args: readonly (string | number)[]) => Promise<unknown>>;

function urlOf({ url }: ConnectionOptions): string {
  const text = typeof url === "string" ? url : url.reveal();
  const parsed = URL.canParse(text) ? new URL(text) : undefined;
  // Without the text: it can hold a password.
  if (parsed?.protocol === "redis:" || parsed?.protocol === "rediss:") return text;
  throw new KeyferryError(
    "config-invalid",
    "redis.url is not of the form redis[s]://[user:password@]host:port[/db]",
  );
}

function optionsOf(options: ConnectionOptions) {
  const secure = urlOf(options).startsWith("rediss:");
  return {
    connectionName: "keyferry",
    connectTimeout: CONNECT_MS_MAX,
    commandTimeout: COMMAND_MS_MAX,
    socketTimeout: SILENCE_MS_MAX,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (times: number) => Math.min(RECONNECT_MS_MAX, RECONNECT_MS_MIN * 2 ** Math.min(times, 10)),
    // A primary that became a replica: what is connected to it has to look for the new one.
    reconnectOnError: (error: Error) => error.message.startsWith("READONLY"),
    ...(secure ? { tls: tlsOf(options.caFile) } : {}),
  };
}

function tlsOf(caFile: string | undefined): { ca?: string[] } {
  if (caFile === undefined) return {};
  try {
    return { ca: [...getCACertificates("default"), readFileSync(caFile, "utf8")] };
  } catch {
    throw new KeyferryError("config-invalid", `The CA file of Redis cannot be read: ${caFile}`);
  }
}

// Replies by which Redis says that it cannot serve now; others are defects of ours.
const AWAY = new Set([
  "LOADING",
  "READONLY",
  "OOM",
  "MASTERDOWN",
  "CLUSTERDOWN",
  "TRYAGAIN",
  "NOREPLICAS",
  "MISCONF",
  "BUSY",
  "NOAUTH",
  "WRONGPASS",
  "NOPERM",
  "UNKILLABLE",
]);

function stateError(error: unknown): KeyferryError {
  if (error instanceof KeyferryError) return error;
  const reason = reasonOf(error);
  if (error instanceof ReplyError && !AWAY.has(reason)) {
    // A script's own fault. The text names its line; keys are hashes and arguments are not in it.
    return new KeyferryError("unexpected", `Redis refused a command: ${reason}`, {
      reply: (error as Error).message.slice(0, 200),
    });
  }
  return new KeyferryError("state-unreachable", `Redis cannot be used: ${reason}`, { reason });
}

/** A word or two that hold no address and no password. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return "unknown";
  if (error instanceof ReplyError) return /^[A-Z]+/.exec(error.message)?.[0] ?? "reply";
  const { code } = error as NodeJS.ErrnoException;
  if (code !== undefined) return code;
  if (error.message === "Command timed out") return "timeout";
  return "not connected";
}
