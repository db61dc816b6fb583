// In place of ioredis: a client on the world's Redis model, of the process that made it.
import { SCRIPTS } from "../servers/redis-scripts.ts";
import type { RedisModel } from "../servers/redis.ts";
import { runningProcess, world } from "../world.ts";

/** An error that the server answers with. */
export class ReplyError extends Error {}

type Arg = string | number;
type Listener = (error?: Error) => void;

const COMMAND_MS = 1_500;
const INFO = "redis_version:7.4.0\r\nmaxmemory_policy:noeviction\r\n";

export class Redis {
  readonly #process = runningProcess();
  readonly #listeners = new Map<string, Listener[]>();
  #isReady = false;

  constructor() {
    this.#follow();
  }

  get status(): string {
    return this.#isReady && world().network.isReachable("redis", this.#process) ? "ready" : "reconnecting";
  }

  on(event: string, listener: Listener): this {
    this.#listeners.set(event, [...(this.#listeners.get(event) ?? []), listener]);
    return this;
  }

  defineCommand(name: string, { numberOfKeys }: { numberOfKeys?: number }): void {
    const script = SCRIPTS[name];
    if (script === undefined)
      throw new Error(`the simulator has no script ${name}: add it to redis-scripts.ts`);
    Object.defineProperty(this, name, {
      value: (...args: readonly Arg[]) => {
        const count = numberOfKeys ?? Number(args[0]);
        const rest = numberOfKeys === undefined ? args.slice(1) : args;
        return this.#send(
          (redis) => script.run(redis, rest.slice(0, count).map(String), rest.slice(count)),
          rest,
        );
      },
    });
  }

  set(key: string, text: string, _px: "PX", leaseMs: number, _nx: "NX"): Promise<"OK" | null> {
    return this.#send((redis) => (redis.setIfAbsent(key, text, leaseMs) ? "OK" : null), [key, text]);
  }

  get(key: string): Promise<string | null> {
    return this.#send((redis) => redis.text(key) ?? null, [key]);
  }

  del(...keys: string[]): Promise<number> {
    return this.#send((redis) => redis.delete(...keys), keys);
  }

  hmget(key: string, ...fields: string[]): Promise<(string | null)[]> {
    return this.#send((redis) => fields.map((field) => redis.field(key, field) ?? null), [key]);
  }

  zadd(key: string, score: number, member: string): Promise<number> {
    return this.#send((redis) => Number(redis.setScore(key, member, score)), [key, member]);
  }

  zrem(key: string, member: string): Promise<number> {
    return this.#send((redis) => redis.removeMember(key, member), [key, member]);
  }

  info(): Promise<string> {
    return this.#send(() => INFO, []);
  }

  disconnect(): void {
    this.#isReady = false;
  }

  #send<T>(work: (redis: RedisModel) => T, args: readonly Arg[]): Promise<T> {
    const { network, redis, history } = world();
    history.inspect("redis", () => args.join(" "));
    if (!this.#isReady) return Promise.reject(new Error("Stream isn't writeable"));
    return network.call(this.#process, {
      server: "redis",
      effect: () => work(redis),
      noAnswer: () => new Error("Command timed out"),
      patienceMs: COMMAND_MS,
    });
  }

  #follow(): void {
    const { network, scheduler } = world();
    const pollMs = this.#isReady ? network.nextChangeMs("redis", this.#process, 500) : 50;
    scheduler.after(pollMs, this.#process, () => {
      const isReachable = network.isReachable("redis", this.#process);
      if (isReachable !== this.#isReady) {
        this.#isReady = isReachable;
        for (const listener of this.#listeners.get(isReachable ? "ready" : "close") ?? []) listener();
      }
      this.#follow();
    });
  }
}

export class Cluster extends Redis {}
