// Owns: the door to Redis: one connection, and what the sinks keep behind it. Redis is their working memory: lost or
// flushed, nothing is rewritten; away, they stop writing and say so (DESIGN section 4).
import { KeyferryError, toKeyferryError } from "@keyferry/errors";
import type { Clock, Logger, Random } from "@keyferry/ports";
import { Attempts } from "./attempts.ts";
import type { ClientOptions } from "./client.ts";
import { Later } from "./later.ts";
import { Locks } from "./locks.ts";
import { Pacing } from "./pacing/pacing.ts";
import { Records } from "./records.ts";
import { Connection } from "./redis.ts";

export interface StateOptions extends ClientOptions {
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: Random;
}

export interface State extends AsyncDisposable {
  readonly locks: Locks;
  readonly records: Records;
  readonly pacing: Pacing;
  readonly later: Later;
  readonly attempts: Attempts;
  /** Throws `state-unreachable`, `state-too-old` or `state-evicts`. */
  check(): Promise<void>;
  status(): { connected: boolean; why?: string };
  close(): Promise<void>;
}

/** Resolves at once; connects, and connects again, in the background for ever. Throws `config-invalid` for a bad URL. */
export async function connectState(options: StateOptions): Promise<State> {
  const redis = new Connection(options);
  const { clock, random, logger } = options;
  const pacing = new Pacing({ redis, clock, logger });
  // Beside the check at start: who becomes the primary later must not evict either.
  let evicts: string | undefined;
  let isLooking = false;
  const stop = new AbortController();
  // It is mended at Redis, while we run: so it is looked at until it is.
  const look = async (): Promise<void> => {
    if (isLooking) return;
    isLooking = true;
    for (;;) {
      const fault = await faultOf(redis);
      if (fault === undefined || fault.code === "state-unreachable" || stop.signal.aborted) break;
      const { code, message, advice } = fault;
      if (evicts === undefined) logger.error({ code, why: message, advice }, "Redis can't be used as it is");
      evicts = `${message}. ${advice}`;
      await clock.sleep(LOOK_AGAIN_MS, stop.signal).catch(() => undefined); // closing
    }
    isLooking = false;
    if (!stop.signal.aborted) evicts = undefined;
  };
  redis.onReady(() => void look());
  const close = async (): Promise<void> => {
    stop.abort();
    pacing.close();
    await redis.close();
  };
  return {
    locks: new Locks(redis, clock, random),
    records: new Records(redis),
    pacing,
    later: new Later(redis),
    attempts: new Attempts(redis),
    check: () => check(redis),
    status() {
      const away = redis.whyNot;
      if (away !== undefined) return { connected: false, why: away };
      return evicts === undefined ? { connected: true } : { connected: true, why: evicts };
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

const MAJOR_MIN = 7;
const LOOK_AGAIN_MS = 2_000; // while it can't be used

async function faultOf(connection: Connection): Promise<KeyferryError | undefined> {
  try {
    await check(connection);
    return undefined;
  } catch (thrown) {
    return toKeyferryError(thrown);
  }
}

async function check(connection: Connection): Promise<void> {
  for (const info of await connection.onEachPrimary((redis) => redis.info())) checkInfo(info);
}

function checkInfo(info: string): void {
  // Valkey gives the version of Redis that it is compatible with here too.
  const version = fieldOf(info, "redis_version");
  if (Number.parseInt(version, 10) < MAJOR_MIN) {
    throw new KeyferryError("state-too-old", `Redis ${version} is older than ${MAJOR_MIN}`, { version });
  }
  // From INFO, as managed services forbid CONFIG.
  const policy = fieldOf(info, "maxmemory_policy");
  if (policy === "noeviction") return;
  const message = `Redis's maxmemory-policy is ${policy}: it can drop keys silently`;
  throw new KeyferryError("state-evicts", message, { policy });
}

function fieldOf(info: string, name: string): string {
  return new RegExp(`^${name}:(.*?)\\r?$`, "m").exec(info)?.[1] ?? "unknown";
}
