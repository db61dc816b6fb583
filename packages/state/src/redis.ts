// Owns: the connection: it is there or it is not, and every command says so quickly. Nothing queues while Redis is away
// and nothing is sent twice: a token taken twice would be lost, a lock taken twice held by nobody (hazard redis-away).
// Does not own: what is kept there.
import { KeyferryError } from "@keyferry/errors";
import type { Logger } from "@keyferry/ports";
import { type Redis, ReplyError } from "ioredis";
import { type Client, type ClientOptions, openClient, primariesOf } from "./client.ts";
import { readScript, SCRIPT_NAMES, type ScriptName, SCRIPTS } from "./scripts.ts";

export interface ConnectionOptions extends ClientOptions {
  readonly logger: Logger;
}

/** Redis as the rest of this package uses it. */
export class Connection {
  readonly #redis: Client;
  readonly #logger: Logger;
  #why: string | undefined = "not connected yet";
  #closing = false;

  constructor(options: ConnectionOptions) {
    this.#logger = options.logger;
    this.#redis = openClient(options);
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

  /** Calls `listener` after each connecting: another server may have become the primary. */
  onReady(listener: () => void): void {
    this.#redis.on("ready", listener);
  }

  /** Asks every server that takes writes. Throws as `run`. */
  async onEachPrimary<T>(work: (redis: Redis) => Promise<T>): Promise<readonly T[]> {
    try {
      return await Promise.all(primariesOf(this.#redis).map(work));
    } catch (error) {
      throw stateError(error);
    }
  }

  /** Runs plain commands. Throws `state-unreachable` whatever it is that Redis cannot do. */
  async run<T>(work: (redis: Commands) => Promise<T>): Promise<T> {
    try {
      // Of a Cluster every command goes to the node of its key.
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

/** What both kinds of client know. */
export type Commands = Pick<Redis, "set" | "get" | "del" | "hmget" | "zadd" | "zrem">;

type Scripted = Record<ScriptName, (...args: readonly (string | number)[]) => Promise<unknown>>;

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
