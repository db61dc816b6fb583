// Owns: carrying associations over to the mount that took their mount's place, after a person has confirmed that (O20,
// hazard mount-reenabled). Another mount is another `<k>`: what lies under the old one is carried to the new one, the
// association's uid with it, so that the names in Key Vault stay its own and are written over without a gap.
// Invariants:
//   KEY-1  Nothing is ordered for either key while it is between them: both are `moved`.
//   KEY-2  The old key is left only when nothing of it is under way that could still act: no open write, no unsync. (A
//          sync of it can't act: it reads the path, and finds another incarnation than the one that it was made from.)
//   KEY-3  Every step may be repeated, and what a crash left is carried on by the next round.

import {
  type AssociationRecord,
  compareFences,
  type SyncCommand,
  type SyncRecord,
} from "@keyferry/contracts";
import { secretKeyOf } from "@keyferry/naming";
import type { Clock } from "@keyferry/ports";
import type { AssociationIndex } from "../associations/association-index.ts";
import type { DestinationIndex } from "../destinations/destination-index.ts";
import type { ServiceEvents } from "../events.ts";
import type { BusPort, Entry } from "../ports.ts";
import type { ReplacedMounts } from "./replaced-mounts.ts";

export interface RekeyingOptions {
  readonly bus: Pick<BusPort, "associations" | "commands" | "results">;
  readonly replaced: ReplacedMounts;
  readonly associations: AssociationIndex;
  readonly destinations: DestinationIndex;
  /** Key of `<k>`. */
  readonly secretKeyKey: Buffer;
  readonly source: string;
  readonly clock: Clock;
  readonly events: ServiceEvents;
}

export class Rekeying {
  readonly #options: RekeyingOptions;

  constructor(options: RekeyingOptions) {
    this.#options = options;
  }

  /**
   * Carries over what can be carried over now; the rest waits for the next call.
   * @throws KeyferryError `bus-*`
   */
  async run(signal: AbortSignal): Promise<void> {
    const { replaced, associations, destinations } = this.#options;
    await Promise.all([replaced, associations, destinations].map((view) => view.caughtUp(signal)));
    for (const { namespace, mount, from, to } of replaced.all()) {
      const left = [...associations.all()].filter(({ entry }) => {
        const { secret, state } = entry.value;
        const isThere = secret.namespace === namespace && secret.mount === mount && secret.accessor === from;
        return isThere && state !== "removed";
      });
      for (const { key } of left) {
        signal.throwIfAborted();
        await this.#carry(key, to);
      }
    }
  }

  async #carry(oldKey: string, accessor: string): Promise<void> {
    const { bus, destinations, secretKeyKey, source } = this.#options;
    const stored = await bus.associations.get(oldKey);
    if (stored === undefined || stored.value.state === "removed") return;
    const { path } = stored.value.secret;
    const secretKey = secretKeyOf(secretKeyKey, { source, accessor, path });
    const isOpen = destinations.byUid(stored.value.destination)?.entry.value.state === "active";
    const other = await bus.associations.get(`${stored.value.destination}.${secretKey}`);
    const isSetAnew = other !== undefined && other.value.uid !== stored.value.uid;
    // Somebody has set it under the new mount already, or its destination is ending: then this one just goes.
    if (!isOpen || isSetAnew) return this.#remove(oldKey, stored);
    if (stored.value.state === "excluded")
      return this.#carryExclusion(oldKey, stored, { accessor, secretKey });
    const leaving = await this.#leave(oldKey, stored, { accessor, secretKey });
    if (leaving !== undefined) await this.#arrive(oldKey, leaving, { accessor, secretKey });
  }

  // KEY-2. Undefined: it can't leave yet.
  async #leave(
    oldKey: string,
    stored: Entry<AssociationRecord>,
    movedTo: NonNullable<AssociationRecord["movedTo"]>,
  ): Promise<Entry<AssociationRecord> | undefined> {
    if (stored.value.state === "moved") return stored;
    const { bus, events } = this.#options;
    const { destination, uid, secretKey, secret } = stored.value;
    const last = await bus.commands.last(destination, secretKey);
    const record = (await bus.results.last(destination, secretKey))?.value;
    const why = whyWaits(last, record);
    if (why !== undefined) {
      events.rekeyWaits({ destination, association: uid, mount: secret.mount, why });
      return undefined;
    }
    return this.#put(oldKey, { ...stored.value, state: "moved", movedTo }, stored.sequence);
  }

  async #arrive(
    oldKey: string,
    leaving: Entry<AssociationRecord>,
    { accessor, secretKey }: NonNullable<AssociationRecord["movedTo"]>,
  ): Promise<void> {
    const { bus, clock, events } = this.#options;
    const { value: before } = leaving;
    const { destination, uid } = before;
    await bus.commands.purge(destination, before.secretKey);
    const { movedTo: _, ...kept } = before;
    const secret = { ...before.secret, accessor };
    const arriving: AssociationRecord = { ...kept, state: "moved", secretKey, secret };
    const newKey = `${destination}.${secretKey}`;
    const there = (await bus.associations.get(newKey)) ?? (await this.#put(newKey, arriving, 0));
    if (there === undefined) return;
    // One that is active already was carried over before a crash.
    if (there.value.state === "moved") {
      const record = (await bus.results.last(destination, before.secretKey))?.value;
      if (record !== undefined) {
        const carried: SyncRecord = {
          ...record,
          secretKey,
          secret,
          kind: "outcome",
          wish: "",
          outcome: null,
        };
        // Lost: it lies there already.
        await bus.results.append(destination, secretKey, carried, 0);
      }
      const updatedAt = new Date(clock.now()).toISOString();
      const arrived = await this.#put(newKey, { ...arriving, state: "active", updatedAt }, there.sequence);
      if (arrived === undefined) return;
    }
    await bus.results.purge(destination, before.secretKey);
    await bus.associations.delete(oldKey, leaving.sequence);
    events.associationRekeyed({ destination, association: uid, mount: secret.mount });
  }

  async #carryExclusion(
    oldKey: string,
    stored: Entry<AssociationRecord>,
    { accessor, secretKey }: NonNullable<AssociationRecord["movedTo"]>,
  ): Promise<void> {
    const { destination, secret } = stored.value;
    const excluded = { ...stored.value, secretKey, secret: { ...secret, accessor } };
    await this.#put(`${destination}.${secretKey}`, excluded, 0);
    await this.#remove(oldKey, stored);
  }

  async #remove(key: string, { value, sequence }: Entry<AssociationRecord>): Promise<void> {
    const { movedTo: _, ...kept } = value;
    await this.#put(key, { ...kept, state: "removed" }, sequence);
  }

  // Undefined: somebody else wrote; the next round reads it.
  async #put(
    key: string,
    value: AssociationRecord,
    expected: number,
  ): Promise<Entry<AssociationRecord> | undefined> {
    const { bus, clock, events } = this.#options;
    const result = await bus.associations.put(key, value, expected);
    if (result.kind === "stored") return { value, sequence: result.sequence, time: clock.now() };
    events.casLost("association");
    return undefined;
  }
}

function whyWaits(last: Entry<SyncCommand> | undefined, record: SyncRecord | undefined): string | undefined {
  const isOpen = Object.values(record?.names ?? {}).some(({ intent }) => intent !== null);
  if (isOpen) return "a write of it has not ended";
  if (last === undefined || last.value.op === "sync") return undefined;
  const fence = { epoch: last.value.epoch, sequence: last.sequence };
  const isConsumed = record !== undefined && compareFences(record.consumed, fence) >= 0;
  return isConsumed ? undefined : "an unsync of it has not ended";
}
