// A Redis of one's own and a state connected to it.
import { silentLogger, systemClock, systemRandom } from "@keyferry/ports";
import { eventually, type RedisOptions, type RedisServer, startRedis } from "@keyferry/testkit";
import { Redis } from "ioredis";
import { Pacing } from "../src/pacing/pacing.ts";
import { Connection } from "../src/redis.ts";
import { connectState, type State, type StateOptions } from "../src/index.ts";

export interface World extends AsyncDisposable {
  readonly server: RedisServer;
  readonly state: State;
  /** A second sink on the same Redis. */
  connect(overrides?: Partial<StateOptions>): Promise<State>;
  /** Pacing that lives in the time that `now` tells, in milliseconds. */
  pacingAt(now: () => number): Promise<Pacing>;
  /** A plain client, to look behind the scenes. */
  readonly raw: Redis;
}

export async function startWorld(options: RedisOptions = {}): Promise<World> {
  const server = await startRedis(options);
  const closers: (() => unknown)[] = [() => server.stop()];
  const connect = async (overrides: Partial<StateOptions> = {}): Promise<State> => {
    const state = await connectState({ ...optionsFor(server.url), ...overrides });
    closers.push(() => state.close());
    return state;
  };
  const state = await connect();
  await connected(state);
  const raw = new Redis(server.url);
  // It only looks; while the server is down it has nothing to say.
  raw.on("error", () => undefined);
  closers.push(() => raw.disconnect());
  return {
    server,
    state,
    connect,
    raw,
    async pacingAt(now) {
      const redis = new Connection(optionsFor(server.url));
      closers.push(() => redis.close());
      await eventually(() => redis.whyNot === undefined, { what: "the connection is up" });
      return new Pacing({ redis, clock: systemClock, logger: silentLogger, now });
    },
    async [Symbol.asyncDispose]() {
      for (const close of closers.toReversed()) await close();
    },
  };
}

export function optionsFor(url: string): StateOptions {
  return { url, logger: silentLogger, clock: systemClock, random: systemRandom };
}

export async function connected(state: State): Promise<void> {
  await eventually(() => state.status().connected, { what: "Redis is connected" });
}
