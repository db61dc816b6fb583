// Owns: the one world that runs now: swapped modules (swap/) are loaded once and serve whichever world is current.
import type { SimulatedProcess } from "./time/process.ts";
import type { Scheduler } from "./time/scheduler.ts";
import type { SeededRandom } from "./time/random.ts";
import type { JetStreamModel } from "./servers/jetstream.ts";
import type { RedisModel } from "./servers/redis.ts";
import type { SourceModel } from "./servers/source.ts";
import type { KeyVaultModel } from "./servers/key-vault.ts";
import type { History } from "./run/history.ts";
import type { Network } from "./servers/network.ts";
import type { Faults } from "./servers/faults.ts";
import type { Oracle } from "./oracle/oracle.ts";

export interface World {
  readonly scheduler: Scheduler;
  readonly random: SeededRandom;
  readonly network: Network;
  readonly nats: JetStreamModel;
  readonly redis: RedisModel;
  readonly source: SourceModel;
  readonly vaults: KeyVaultModel;
  readonly history: History;
  readonly faults: Faults;
  readonly oracle: Oracle;
  /** The API of an association-service that has started. */
  readonly apis: Map<SimulatedProcess, () => unknown>;
}

let current: World | undefined;

export function setWorld(world: World | undefined): void {
  current = world;
}

/** The world of the code that runs now. */
export function world(): World {
  if (current === undefined) throw new Error("no world runs");
  return current;
}

/** The process whose code runs now. */
export function runningProcess(): SimulatedProcess {
  const { running } = world().scheduler;
  if (running === undefined) throw new Error("no process runs");
  return running;
}
