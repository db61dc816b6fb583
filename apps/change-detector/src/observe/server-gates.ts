import type { ErrorCode, KeyferryError } from "@keyferry/errors";
import type { Gate } from "./gate.ts";

const SOURCE_AWAY: ReadonlySet<ErrorCode> = new Set(["source-unreachable", "source-sealed"]);
const BUS_AWAY: ReadonlySet<ErrorCode> = new Set(["bus-unreachable", "bus-not-provisioned", "bus-full"]);

/** The two servers that every look needs. */
export class ServerGates {
  readonly source: Gate;
  readonly bus: Gate;

  constructor(source: Gate, bus: Gate) {
    this.source = source;
    this.bus = bus;
  }

  /** Resolves when both are there. Rejects only when `signal` aborts. */
  async opened(signal: AbortSignal): Promise<void> {
    await this.source.opened(signal);
    await this.bus.opened(signal);
  }

  /** Closes a gate if the error says that its server is away; false: the error is about something else. */
  take(error: KeyferryError, signal: AbortSignal): boolean {
    if (SOURCE_AWAY.has(error.code)) this.source.close(error, signal);
    else if (BUS_AWAY.has(error.code)) this.bus.close(error, signal);
    else return false;
    return true;
  }
}
