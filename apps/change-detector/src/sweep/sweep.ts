// Owns: comparing a whole mount with what is known of it. Does not own: when (schedule), and single doubts (observe/).
// Invariants: only a walk that came to its end makes a known secret that it didn't show a candidate, and then only for
// a look of its own; a partial list, a 403, a seal or a missing mount never reads as "deleted".
import { KeyferryError } from "@keyferry/errors";
import { fingerprintOf, type SecretKey, type SecretRef } from "@keyferry/contracts";
import type { Clock } from "@keyferry/ports";
import type { DetectorEvents } from "../events.ts";
import type { LookRequest } from "../observe/look-request.ts";
import type { IdentityCheck, WatchedMounts } from "../observe/watched-mounts.ts";
import type { Memory } from "../publish/memory.ts";
import type { Publisher } from "../publish/publish.ts";
import type {
  HeldChange,
  KeyOf,
  MetadataPage,
  MountAddress,
  MountIdentity,
  SourceReader,
  WalkPosition,
} from "../ports.ts";

export interface SweepParts {
  readonly sourceName: string;
  readonly source: SourceReader;
  readonly mounts: WatchedMounts;
  readonly memory: Memory;
  readonly publisher: Publisher;
  readonly keyOf: KeyOf;
  readonly clock: Clock;
  readonly events: DetectorEvents;
  readonly pageSize: number;
  /** Asks for a look at one secret. */
  readonly lookAt: (request: LookRequest) => void;
  readonly signal: AbortSignal;
}

export type SweepEnd =
  | { readonly kind: "swept"; readonly seen: number; readonly published: number; readonly doubts: number }
  | { readonly kind: "held"; readonly why: "mount-missing" | "source-changed"; readonly change: HeldChange }
  | { readonly kind: "ignored" };

type Listed = { readonly key: SecretKey; readonly ref: SecretRef } & MetadataPage["items"][number];

const SWEPT = { via: "sweep", hintedAt: undefined, committedAt: undefined } as const;
const PUBLISHES_AT_ONCE = 256; // half of a part of a page: hides the round trip to NATS; each is one small message

/** A walk that an error ended: what of it counts when it is gone on with. */
interface HalfWalk {
  readonly accessor: string;
  readonly unseen: Set<SecretKey>;
  readonly counts: { seen: number; published: number };
  from: WalkPosition | undefined;
}

export class Sweep {
  readonly #parts: SweepParts;
  readonly #half = new Map<string, HalfWalk>();

  constructor(parts: SweepParts) {
    this.#parts = parts;
  }

  /**
   * Sweeps one mount. Throws the errors of the source and of the log; what was published until then stays. `resume`: go
   * on where the last walk of this mount failed, as a try of the same sweep; else from the beginning, for whoever asks
   * for a sweep wants to know what has changed since.
   */
  async mount(at: MountAddress, resume = false): Promise<SweepEnd> {
    const { mounts, memory } = this.#parts;
    const answer = await mounts.resolve(at);
    if (answer.kind === "ignored") return { kind: "ignored" };
    if (answer.kind === "missing") return { kind: "held", why: "mount-missing", change: null };
    if (answer.kind === "replaced") {
      mounts.forget(at); // asked anew by the next sweep
      return { kind: "held", why: "source-changed", change: await mounts.replacement(answer) };
    }
    const { mount } = answer;
    const id = JSON.stringify([at.namespace, at.mount]);
    const before = resume ? this.#half.get(id) : undefined;
    const walk =
      before?.accessor === mount.accessor
        ? before
        : {
            accessor: mount.accessor,
            unseen: new Set(memory.keysOf(mount.accessor)),
            counts: { seen: 0, published: 0 },
            from: undefined,
          };
    this.#half.set(id, walk);
    const walked = await this.#walk(at, mount, walk);
    this.#half.delete(id);
    const identity = walked.kind === "same" ? await mounts.check(mount) : walked;
    if (identity.kind === "changed") {
      mounts.forget(at);
      const why = identity.what === "missing" ? "mount-missing" : "source-changed";
      return { kind: "held", why, change: identity.change };
    }
    return { kind: "swept", ...walk.counts, doubts: this.#doubt(walk.unseen) };
  }

  async #walk(
    at: MountAddress,
    mount: MountIdentity,
    walk: HalfWalk,
  ): Promise<IdentityCheck | { readonly kind: "same" }> {
    const { unseen, counts, from } = walk;
    const { source, memory, clock, events, pageSize, signal } = this.#parts;
    // The next page is on its way while one is published: its time and count are taken before it is asked for, so
    // whatever is published in between is newer than it (O8).
    const ask = () => ({ readStartedAt: clock.now(), tick: memory.tick, step: pages.next() });
    const pages = source.walkMetadata(at, { limit: pageSize, from, signal })[Symbol.asyncIterator]();
    let asked = ask();
    let begun = { readStartedAt: asked.readStartedAt, tick: asked.tick };
    try {
      for (;;) {
        const { step: read, readStartedAt, tick } = asked;
        const step = await read;
        if (step.done === true) return { kind: "same" };
        // A further part of an answer is as old as the answer's first, whenever it was asked for.
        if (step.value.continues !== true) begun = { readStartedAt, tick };
        asked = ask();
        asked.step.catch(() => undefined); // told when its turn comes, or another error was first
        const listed = this.#listed(step.value, mount, at);
        for (const { key } of listed) unseen.delete(key);
        for (const path of step.value.unreadable) unseen.delete(this.#refOf(mount, at, path).key);
        counts.seen += listed.length;
        const changed = listed.filter(({ key, ref, state }) => !memory.holds(key, fingerprintOf(state), ref));
        if (changed.length > 0) {
          const identity = await this.#parts.mounts.check(mount);
          if (identity.kind === "changed") return identity;
          counts.published += await this.#publish(changed, identity.clusterId, begun);
        }
        walk.from = step.value.resume ?? walk.from;
        events.sweepProgress({ mount: at.mount, ...counts });
      }
    } finally {
      await pages.return?.();
    }
  }

  #listed(page: MetadataPage, mount: MountIdentity, at: MountAddress): Listed[] {
    return page.items.map((item) => ({ ...item, ...this.#refOf(mount, at, item.path) }));
  }

  #refOf(mount: MountIdentity, at: MountAddress, path: string): { key: SecretKey; ref: SecretRef } {
    const { sourceName, keyOf } = this.#parts;
    const ref = { source: sourceName, ...at, accessor: mount.accessor, path };
    return { key: keyOf(ref), ref };
  }

  /** Publishes what a page changed; what it can't settle gets a look of its own. */
  async #publish(
    changed: readonly Listed[],
    clusterId: string,
    begun: { readStartedAt: number; tick: number },
  ): Promise<number> {
    const { publisher, lookAt, signal } = this.#parts;
    let published = 0;
    const queue = changed.values();
    const worker = async (): Promise<void> => {
      for (const { key, ref, state } of queue) {
        if (signal.aborted) throw new KeyferryError("operation-aborted", "The sweep was aborted");
        const observation = { key, ref, clusterId, seen: state, ...begun, ...SWEPT };
        const end = await publisher.publish(observation, false);
        if (end.kind === "published") published += 1;
        else if (end.kind !== "unchanged") lookAt(sweepLook(ref));
      }
    };
    await Promise.all(Array.from({ length: Math.min(PUBLISHES_AT_ONCE, changed.length) }, worker));
    return published;
  }

  /** Known secrets that the whole walk did not show: candidates, no more. */
  #doubt(unseen: ReadonlySet<SecretKey>): number {
    const { memory, lookAt } = this.#parts;
    let doubts = 0;
    for (const key of unseen) {
      const known = memory.get(key);
      if (known === undefined || known.state.kind === "gone") continue;
      doubts += 1;
      lookAt(sweepLook(known.ref));
    }
    return doubts;
  }
}

function sweepLook({ namespace, mount, path }: SecretRef): LookRequest {
  return { address: { namespace, mount, path }, cause: "sweep", asked: false, deletionHinted: false };
}
