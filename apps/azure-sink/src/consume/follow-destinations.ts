import type { Bus, CommandMessage, Consumption, Decision, HandlerContext, View } from "@keyferry/bus";
import { type DestinationRecord, type Lane, laneSchema, type Uid } from "@keyferry/contracts";
import type { Logger } from "@keyferry/ports";

// Owns: which durables this sink takes from. Destinations come and go at run time (hazard consumers-at-run-time).

export type CommandHandler = (message: CommandMessage, context: HandlerContext) => Promise<Decision>;

export interface FollowOptions {
  readonly commands: Bus["commands"];
  readonly view: View<DestinationRecord>;
  readonly handle: CommandHandler;
  /** Commands in hand per destination and lane. */
  readonly concurrency: number;
  readonly logger: Logger;
}

/** Consumes the commands of every destination in `view`, also of those that come later. */
export function followDestinations(options: FollowOptions): AsyncDisposable & { readonly size: number } {
  const { commands, view, handle, concurrency, logger } = options;
  const running = new Map<Uid, Promise<Consumption[]>>();
  const open = (uid: Uid): void => {
    if (running.has(uid)) return;
    logger.info({ destination: uid }, "taking a destination's commands");
    const lanes: readonly Lane[] = laneSchema.options;
    running.set(uid, Promise.all(lanes.map((lane) => commands.consume(uid, lane, handle, { concurrency }))));
  };
  const close = async (uid: Uid): Promise<void> => {
    const consumptions = await running.get(uid);
    running.delete(uid);
    await Promise.all((consumptions ?? []).map((consumption) => consumption.close()));
  };
  // A retired destination still has unsyncs to see to; its record goes when its last outcome is in.
  const uidsOfKeys = new Map<string, Uid>();
  const apply = (key: string, record: DestinationRecord | undefined): void => {
    const before = uidsOfKeys.get(key);
    if (record !== undefined) uidsOfKeys.set(key, record.uid);
    else uidsOfKeys.delete(key);
    if (record !== undefined) open(record.uid);
    const isGone = before !== undefined && ![...uidsOfKeys.values()].includes(before);
    if (isGone) {
      logger.info({ destination: before }, "a destination is gone");
      void close(before);
    }
  };
  for (const [key, { value }] of view.entries()) apply(key, value);
  const end = view.onChange((key, entry) => apply(key, entry?.value));
  return {
    get size() {
      return running.size;
    },
    async [Symbol.asyncDispose]() {
      end();
      await Promise.all([...running.keys()].map(close));
    },
  };
}
