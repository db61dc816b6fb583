// For tests: a lease's record in memory, with the bus away as a switch.
import type { LeaseRecord } from "@keyferry/contracts";
import { KeyferryError } from "@keyferry/errors";
import type { LeaseStore } from "../lease/lease-loop.ts";

export class MemoryLease implements LeaseStore {
  record: LeaseRecord | undefined;
  revision = 0;
  isAway = false;

  async read(): ReturnType<LeaseStore["read"]> {
    this.#throwIfAway();
    return { record: this.record, revision: this.revision };
  }

  async write(record: LeaseRecord, expectedRevision: number): ReturnType<LeaseStore["write"]> {
    this.#throwIfAway();
    if (expectedRevision !== this.revision) return { kind: "lost" };
    this.record = record;
    this.revision += 1;
    return { kind: "stored", sequence: this.revision };
  }

  #throwIfAway(): void {
    if (this.isAway) throw new KeyferryError("bus-unreachable", "away");
  }
}
