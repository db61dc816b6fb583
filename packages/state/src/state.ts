// Owns: the door to Redis: one connection, and what the sinks keep behind it. Redis is their working memory: lost or
// flushed, nothing is rewritten; away, they stop writing and say so (DESIGN section 4).
import { KeyferryError } from "@keyferry/errors";
import type { Clock, Logger, Random, SecretValue } from "@keyferry/ports";
import { Attempts } from "./attempts.ts";
import { Later } from "./later.ts";
import { Locks } from "./locks.ts";
import { Pacing } from "./pacing/pacing.ts";
import { Records } from "./records.ts";
import { Connection } from "./redis.ts";

export interface StateOptions {
  /** `redis://` or, with TLS, `rediss://`; it can hold a password. */
  readonly url: SecretValue | string;
  readonly caFile?: string | undefined;
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
  const close = async (): Promise<void> => {
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
      const why = redis.whyNot;
      return why === undefined ? { connected: true } : { connected: false, why };
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

const MAJOR_MIN = 7;

async function check(connection: Connection): Promise<void> {
  const info = await connection.run((redis) => redis.info());
  // Valkey gives the version of Redis that it is compatible with here too.
  const version = fieldOf(info, "redis_version");
  if (Number.parseInt(version, 10) < MAJOR_MIN) {
    throw new KeyferryError("state-too-old", `Redis ${version} is older than ${MAJOR_MIN}`, { version });
  }
  // From INFO, as managed services forbid CONFIG.
  const policy = fieldOf(info, "maxmemory_policy");
  if (policy !== "noeviction") {
    throw new KeyferryError(
      "state-evicts",
      `Redis's maxmemory-policy is ${policy}: it can drop keys silently`,
      {
        policy,
      },
    );
  }
}

function fieldOf(info: string, name: string): string {
  return new RegExp(`^${name}:(.*?)\\r?$`, "m").exec(info)?.[1] ?? "unknown";
}
