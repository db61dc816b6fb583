// Records and commands for tests of the tables, and a second connection to look behind the scenes.
import type { SyncCommand, SyncRecord } from "@keyferry/contracts";
import { silentLogger, systemClock, systemRandom } from "@keyferry/ports";
import { eventually } from "@keyferry/testkit";
import { jetstreamManager, type JetStreamManager } from "@nats-io/jetstream";
import { connect as connectNats } from "@nats-io/transport-node";
import { type Bus, connectBus } from "../src/index.ts";

export const DESTINATION = "destinationaa";
const SECRET = { source: "main", namespace: "", mount: "kv", accessor: "kv_1", path: "app" };
const LETTERS = "abcdefghijklmnop";

/** The key of the n-th secret. */
export function keyNumber(number: number): string {
  const digits = number
    .toString(16)
    .replaceAll(/[0-9a-f]/g, (digit) => LETTERS[Number.parseInt(digit, 16)] ?? "a");
  return digits.padStart(26, "z");
}

export function command(secretKey: string, over: Partial<SyncCommand> = {}): SyncCommand {
  return {
    major: 1,
    epoch: 1,
    op: "sync",
    destination: DESTINATION,
    association: "aaaaaaaaaaaaa",
    secretKey,
    secret: SECRET,
    spec: { granularity: "secret-path", nameTemplate: "x", customTags: {} },
    expect: null,
    permit: null,
    reason: "source",
    resolvedFrom: { associationRevision: 1, stateSequence: 1 },
    ...over,
  };
}

export function record(secretKey: string, over: Partial<SyncRecord> = {}): SyncRecord {
  return {
    major: 1,
    kind: "outcome",
    destination: DESTINATION,
    association: "aaaaaaaaaaaaa",
    secretKey,
    secret: SECRET,
    consumed: { epoch: 1, sequence: 1 },
    wish: "w",
    names: {},
    outcome: { kind: "synced", version: 1, wrote: true },
    since: "",
    updatedAt: "",
    ...over,
  };
}

/** A bus that is connected. */
export async function openBus(servers: readonly string[], replicas = 1): Promise<Bus> {
  const ports = { logger: silentLogger, clock: systemClock, random: systemRandom };
  const bus = await connectBus({ servers, name: "test", replicas, ...ports });
  await eventually(() => bus.status().connected, { what: "NATS" });
  return bus;
}

export interface BehindTheScenes extends AsyncDisposable {
  readonly jsm: JetStreamManager;
}

export async function lookBehind(servers: readonly string[]): Promise<BehindTheScenes> {
  const connection = await connectNats({ servers: [...servers] });
  return {
    jsm: await jetstreamManager(connection),
    [Symbol.asyncDispose]: () => connection.close(),
  };
}
