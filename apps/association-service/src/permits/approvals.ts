// Owns: listing what a destination holds back, and approving exactly that (DESIGN section 6). The approval is written
// first, so that one that is interrupted is carried on by settle; each key of it is resolved again, and gets its permit
// only if it is still the command that was held.

import { approvalKey } from "@keyferry/bus";
import type { ApprovalRecord, Lane, SecretRef, SyncCommand, SyncRecord, Uid } from "@keyferry/contracts";
import { KeyferryError } from "@keyferry/errors";
import type { Clock } from "@keyferry/ports";
import type { ServiceEvents } from "../events.ts";
import type { AssociationIndex } from "../associations/association-index.ts";
import type { BusPort, TableView } from "../ports.ts";
import type { Resolver } from "../resolve/resolver.ts";
import { isStuck } from "../resolve/tombstones.ts";
import { type HeldSet, heldSet } from "./held-set.ts";

export interface ApprovalsOptions {
  readonly bus: Pick<BusPort, "approvals">;
  readonly associations: Pick<AssociationIndex, "caughtUp" | "ofDestination">;
  readonly commands: TableView<SyncCommand & { readonly lane: Lane }>;
  readonly results: TableView<SyncRecord>;
  readonly resolver: Pick<Resolver, "look">;
  readonly clock: Clock;
  readonly events: ServiceEvents;
}

/** A removed association whose unsync was refused. */
export interface StuckRemoval {
  readonly secret: SecretRef;
  readonly why: string;
  readonly since: string;
}

export type ApprovalEnd =
  /** `skipped`: what has changed since; it is resolved by its own state. */
  | { readonly kind: "approved"; readonly approved: number; readonly skipped: number }
  /** Another set is held than the one that was approved. */
  | { readonly kind: "changed"; readonly held: HeldSet };

const AT_ONCE = 16;
// Two people who approve for one destination at once; more in a row is somebody's loop.
const ATTEMPTS_MAX = 5;

export class Approvals {
  readonly #options: ApprovalsOptions;

  constructor(options: ApprovalsOptions) {
    this.#options = options;
  }

  /** What a destination holds back now. @throws KeyferryError `bus-*` */
  async listHeld(destination: Uid, signal?: AbortSignal): Promise<HeldSet> {
    const { commands, results } = this.#options;
    await Promise.all([commands.caughtUp(signal), results.caughtUp(signal)]);
    return heldSet(this.#pairsOf(destination));
  }

  /** Removals of a destination that were refused: nothing more becomes of them by itself, for now. */
  async listStuck(destination: Uid, signal?: AbortSignal): Promise<readonly StuckRemoval[]> {
    const { associations, commands, results } = this.#options;
    await Promise.all([associations, commands, results].map((view) => view.caughtUp(signal)));
    return associations.ofDestination(destination).flatMap(({ key, entry }) => {
      const record = results.get(key)?.value;
      if (!isStuck(entry.value, commands.get(key), record) || record === undefined) return [];
      const { outcome, since } = record;
      if (outcome?.kind !== "refused") return [];
      const { code, message } = outcome.error;
      return [{ secret: entry.value.secret, why: `${code}: ${message}`, since }];
    });
  }

  /**
   * Permits the deletes of exactly the set with this digest.
   * @throws KeyferryError `conflict`, `bus-*`; then settle carries on what was begun
   */
  async approveHeld(destination: Uid, digest: string, signal?: AbortSignal): Promise<ApprovalEnd> {
    const held = await this.listHeld(destination, signal);
    if (held.digest !== digest || held.deletes.length === 0) return { kind: "changed", held };
    const pending = Object.fromEntries(held.deletes.map(({ secretKey, token }) => [secretKey, token]));
    await this.#write(destination, { digest, pending });
    this.#options.events.heldApproved({ destination, digest, deletes: held.deletes.length });
    return { kind: "approved", ...(await this.#carryOut(destination, digest, pending, signal)) };
  }

  /** Goes on with an approval that was interrupted. @throws KeyferryError `bus-*` */
  async resume(destination: Uid, signal?: AbortSignal): Promise<void> {
    const stored = await this.#options.bus.approvals.get(approvalKey(destination));
    if (stored === undefined || Object.keys(stored.value.pending).length === 0) return;
    const { digest, pending } = stored.value;
    await this.#carryOut(destination, digest, pending, signal);
  }

  *#pairsOf(destination: Uid) {
    const { commands, results } = this.#options;
    const prefix = `${destination}.`;
    for (const [key, { value }] of results.entries()) {
      if (value.outcome?.kind !== "held" || !key.startsWith(prefix)) continue;
      const command = commands.get(key);
      yield { last: command && { ...command, lane: command.value.lane }, record: value };
    }
  }

  async #carryOut(
    destination: Uid,
    digest: string,
    pending: ApprovalRecord["pending"],
    signal: AbortSignal | undefined,
  ): Promise<{ approved: number; skipped: number }> {
    const { resolver } = this.#options;
    const keys = Object.entries(pending);
    let approved = 0;
    for (let at = 0; at < keys.length; at += AT_ONCE) {
      const looks = keys
        .slice(at, at + AT_ONCE)
        .map(([secretKey, token]) =>
          resolver.look(
            { destination, secretKey },
            { trigger: { kind: "approved" }, approval: { digest, token } },
            signal,
          ),
        );
      approved += (await Promise.all(looks)).filter((kind) => kind === "published").length;
    }
    // Every key was looked at. One that was given no permit is another command by now, which no approval means.
    await this.#write(destination, { digest, pending: {} });
    return { approved, skipped: keys.length - approved };
  }

  async #write(
    destination: Uid,
    { digest, pending }: Pick<ApprovalRecord, "digest" | "pending">,
  ): Promise<void> {
    const { bus, clock, events } = this.#options;
    const key = approvalKey(destination);
    const at = new Date(clock.now()).toISOString();
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      const stored = await bus.approvals.get(key);
      // Somebody's later approval is not taken away by the end of this one.
      const isOver = Object.keys(pending).length === 0;
      if (isOver && stored?.value.digest !== digest) return;
      const record: ApprovalRecord = { major: 1, destination, digest, pending, at };
      if ((await bus.approvals.put(key, record, stored?.sequence ?? 0)).kind === "stored") return;
      events.casLost("approval");
    }
    throw new KeyferryError("conflict", "Others kept approving for this destination");
  }
}
