// Owns: a new world: servers, network and oracle of one seed, wired to one another.
import { Oracle } from "../oracle/oracle.ts";
import { Faults } from "../servers/faults.ts";
import { JetStreamModel } from "../servers/jetstream.ts";
import { KeyVaultModel } from "../servers/key-vault.ts";
import { Network } from "../servers/network.ts";
import { RedisModel } from "../servers/redis.ts";
import { SourceModel } from "../servers/source.ts";
import { SeededRandom } from "../time/random.ts";
import { Scheduler } from "../time/scheduler.ts";
import type { World } from "../world.ts";
import { History } from "./history.ts";

export const START = Date.parse("2026-11-24T07:00:00Z");

/** A world in which nothing has happened yet. */
export function createWorld(seed: string, keepHistory: boolean): World {
  const scheduler = new Scheduler(START);
  const random = new SeededRandom(`run ${seed}`);
  const source = new SourceModel(scheduler, random.split("source"));
  return {
    scheduler,
    random,
    source,
    network: new Network(scheduler, random.split("network")),
    vaults: new KeyVaultModel(scheduler),
    nats: new JetStreamModel(scheduler),
    redis: new RedisModel(scheduler),
    faults: new Faults(random.split("faults")),
    history: new History(scheduler, keepHistory),
    oracle: new Oracle(source, scheduler),
    apis: new Map(),
  };
}
