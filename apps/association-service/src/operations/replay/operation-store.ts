// Owns: the records of operations: made, read, cancelled and taken up again by compare-and-set. Does not own the work:
// operation-runner.ts.

import { KeyferryError } from "@keyferry/errors";
import type { OperationRecord } from "@keyferry/contracts";
import { newUid } from "@keyferry/naming";
import type { Clock, Random } from "@keyferry/ports";
import { badRequest } from "../../gateway/refusal.ts";
import type { Entry, TableView } from "../../ports.ts";
import type { OperationsBus } from "../ports.ts";

export interface OperationStoreOptions {
  readonly table: OperationsBus["operations"];
  readonly view: TableView<OperationRecord>;
  readonly clock: Clock;
  readonly random: Random;
}

// Ended ones beyond this number go, oldest first: a year of weekly drills.
const ENDED_KEPT = 50;
// More than these at once is a script gone wrong.
const RUNNING_MAX = 10;
const ATTEMPTS_MAX = 10;

export class OperationStore {
  readonly #options: OperationStoreOptions;

  constructor(options: OperationStoreOptions) {
    this.#options = options;
  }

  /** Makes a running operation, which some association-service takes up. @throws Refusal 400 with too many running */
  async create(kind: OperationRecord["kind"], options: OperationRecord["options"]): Promise<OperationRecord> {
    const { table, view, clock, random } = this.#options;
    await view.caughtUp();
    const running = [...view.entries()].filter(([, { value }]) => value.state === "running");
    if (running.length >= RUNNING_MAX) {
      throw badRequest(`${running.length} operations are running: wait for them, or cancel one`);
    }
    const id = newUid(random);
    const at = new Date(clock.now()).toISOString();
    const record: OperationRecord = {
      major: 1,
      id,
      kind,
      state: "running",
      options,
      cursor: "",
      progress: { total: 0, done: 0, ordered: 0, unchanged: 0, asked: 0, failed: 0 },
      worker: null,
      message: "waiting for an association-service to take it up",
      createdAt: at,
      updatedAt: at,
    };
    const result = await table.put(keyOf(id), record, 0);
    if (result.kind === "lost") throw new KeyferryError("conflict", "An operation of this id exists");
    await this.#prune();
    return record;
  }

  /** All of a namespace, newest first. */
  async list(namespace: string, signal: AbortSignal): Promise<readonly OperationRecord[]> {
    const { view } = this.#options;
    await view.caughtUp(signal);
    return [...view.entries()]
      .map(([, { value }]) => value)
      .filter(({ options }) => options.namespace === namespace)
      .sort((a, b) => (a.createdAt > b.createdAt ? -1 : 1));
  }

  /** One of a namespace; undefined: there is none. */
  async find(namespace: string, id: string): Promise<Entry<OperationRecord> | undefined> {
    if (!/^[a-z2-7]{13,26}$/.test(id)) return undefined;
    const entry = await this.#options.table.get(keyOf(id));
    return entry?.value.options.namespace === namespace ? entry : undefined;
  }

  /** Ends it where it stands; whoever works on it notices within seconds. Undefined: there is none. */
  cancel(namespace: string, id: string): Promise<OperationRecord | undefined> {
    return this.#change(namespace, id, (record) =>
      record.state === "running"
        ? {
            ...record,
            state: "cancelled",
            worker: null,
            message: "cancelled by a person; resume goes on from here",
          }
        : undefined,
    );
  }

  /** Goes on where a cancelled or failed one stopped. Undefined: there is none. @throws Refusal 400 for a done one */
  resume(namespace: string, id: string): Promise<OperationRecord | undefined> {
    return this.#change(namespace, id, (record) => {
      if (record.state === "done") throw badRequest("it is done: there is nothing left to resume");
      if (record.state === "running") return undefined;
      return {
        ...record,
        state: "running",
        worker: null,
        message: "waiting for an association-service to take it up",
      };
    });
  }

  async #change(
    namespace: string,
    id: string,
    change: (record: OperationRecord) => OperationRecord | undefined,
  ): Promise<OperationRecord | undefined> {
    const { table, clock } = this.#options;
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      const entry = await this.find(namespace, id);
      if (entry === undefined) return undefined;
      const changed = change(entry.value);
      if (changed === undefined) return entry.value;
      const record = { ...changed, updatedAt: new Date(clock.now()).toISOString() };
      const result = await table.put(keyOf(id), record, entry.sequence);
      if (result.kind === "stored") return record;
    }
    throw new KeyferryError("conflict", "The operation keeps changing");
  }

  async #prune(): Promise<void> {
    const { table, view } = this.#options;
    const ended = [...view.entries()]
      .filter(([, { value }]) => value.state !== "running")
      .sort(([, a], [, b]) => (a.value.updatedAt > b.value.updatedAt ? -1 : 1));
    for (const [key, { sequence }] of ended.slice(ENDED_KEPT)) await table.delete(key, sequence);
  }
}

function keyOf(id: string): string {
  return `operation.${id}`;
}
