import type { CommandMessage, Decision, HandlerContext } from "@keyferry/bus";
import { syncOne } from "../apply/sync-one.ts";
import type { SinkDependencies } from "../ports.ts";
import type { RecordStore } from "../record/record-store.ts";

/** Makes the handler of command messages. */
export function createCommandHandler(store: RecordStore, deps: SinkDependencies) {
  return async (message: CommandMessage, context: HandlerContext): Promise<Decision> => {
    const { entry, lane } = message;
    const command = entry.value;
    const fence = { epoch: command.epoch, sequence: entry.sequence };
    const { deliveryCount, signal } = context;
    const end = await syncOne({ command, fence, lane, isWoken: false, deliveryCount, signal }, store, deps);
    if (end.kind !== "consumed") return { kind: "retry", afterMs: end.afterMs };
    deps.events.commandConsumed({ lane, waitedMs: Math.max(0, deps.clock.now() - entry.time) });
    return { kind: "ack" };
  };
}
