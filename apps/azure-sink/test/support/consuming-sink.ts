// A sink that takes commands as the service does: consumers, wake loop, pauses and breakers of its own, on the bench's
// servers. Several of them are several processes, as far as Redis, NATS and the vaults can tell.
import { silentLogger, systemRandom } from "@keyferry/ports";
import { Breakers } from "../../src/breaker/breakers.ts";
import { followDestinations } from "../../src/consume/follow-destinations.ts";
import { createCommandHandler } from "../../src/consume/handle-command.ts";
import { WakeLoop } from "../../src/later/wake-loop.ts";
import { Pauses } from "../../src/pauses/pauses.ts";
import { RecordStore } from "../../src/record/record-store.ts";
import type { Pair, SinkBench } from "./sink-bench.ts";

export interface ConsumingSinkOptions {
  readonly concurrency?: number;
}

export interface ConsumingSink extends AsyncDisposable {
  /** It takes from no destination, and has no command in hand. */
  isIdle(): boolean;
}

/** Starts one; disposing it is a graceful stop. */
export async function startConsumingSink(
  bench: SinkBench,
  pairs: readonly Pair[],
  options: ConsumingSinkOptions = {},
): Promise<ConsumingSink> {
  const stop = new AbortController();
  const view = await bench.bus.pauses.watch(stop.signal);
  await view.caughtUp();
  const parts = { later: bench.state.later, clock: bench.clock };
  const pauses = new Pauses({ view, ...parts });
  const deps = {
    ...bench.dependencies(),
    pauses,
    breakers: new Breakers({ ...parts, random: systemRandom }),
  };
  const store = new RecordStore(deps.results, deps.memory, deps.clock);
  const records = new Map(
    pairs.map(({ destination }) => [destination.uid, { value: destination, sequence: 1, time: 0 }]),
  );
  for (const uid of records.keys()) await bench.bus.commands.ensureConsumers(uid);
  const loop = new WakeLoop(store, deps).run(stop.signal);
  const handle = createCommandHandler(store, deps);
  let inHand = 0;
  const following = followDestinations({
    commands: bench.bus.commands,
    view: { entries: () => records.entries(), onChange: () => () => undefined },
    pauses,
    async handle(message, context) {
      inHand += 1;
      try {
        return await handle(message, context);
      } finally {
        inHand -= 1;
      }
    },
    concurrency: options.concurrency ?? 4,
    logger: silentLogger,
  });
  return {
    isIdle: () => following.size === 0 && inHand === 0,
    async [Symbol.asyncDispose]() {
      await following[Symbol.asyncDispose]();
      stop.abort();
      await loop;
      pauses[Symbol.dispose]();
    },
  };
}

/** Writes each secret's next version and publishes its command, some at a time. */
export async function publishAll(bench: SinkBench, pairs: readonly Pair[], value = "v"): Promise<void> {
  const queue = pairs[Symbol.iterator]();
  const worker = async (): Promise<void> => {
    for (const pair of queue) {
      await bench.write(pair, { a: `${value} ${pair.path}` });
      await bench.publish(await bench.command(pair));
    }
  };
  await Promise.all(Array.from({ length: 8 }, worker));
}
