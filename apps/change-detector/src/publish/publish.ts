// Owns: one observation to at most one event, by compare-and-set. Does not own: making observations.
// Invariants: an observation that began before what memory holds of its secret is never published (P2, hazard
// stale-sweep-page); who loses the compare-and-set learns what the log holds and has to read the source again (O8).
import type { LookCause, SecretKey, SecretRef, SecretState, VersionEvent } from "@keyferry/contracts";
import { currentTrace, inTrace, newTrace, type Random } from "@keyferry/ports";
import { type ConfirmReason, diff, type Verdict } from "../diff/diff.ts";
import type { DetectorEvents } from "../events.ts";
import type { EventLog } from "../ports.ts";
import type { Known, Memory } from "./memory.ts";

/** What a read saw, and when it began: the two things that decide whether it counts. */
export interface Observation {
  readonly key: SecretKey;
  readonly ref: SecretRef;
  readonly clusterId: string;
  readonly seen: SecretState;
  readonly readStartedAt: number;
  /** The memory's count when the read began. */
  readonly tick: number;
  readonly via: LookCause;
  readonly hintedAt: number | undefined;
  /** When the source committed the change, where a hint told; for figures only. */
  readonly committedAt: number | undefined;
}

export type PublishEnd =
  | { readonly kind: "published" }
  | { readonly kind: "unchanged" }
  | { readonly kind: "confirm"; readonly why: ConfirmReason }
  /** Somebody, or another look of ours, published in between: the source has to be read again. */
  | { readonly kind: "overtaken" };

export interface PublisherParts {
  readonly log: EventLog;
  readonly memory: Memory;
  readonly events: DetectorEvents;
  readonly random: Random;
}

/** A state that is as it was is an event all the same where the mount was moved: who reads the secret needs its path. */
function movedOr(verdict: Verdict, known: Known | undefined, { ref, seen }: Observation): Verdict {
  if (known === undefined || seen.kind === "gone" || verdict.kind === "confirm") return verdict;
  const [from, to] = [mountPath(known.ref), mountPath(ref)];
  if (from === to) return verdict;
  const moved = { kind: "moved", from, to } as const;
  if (verdict.kind === "event") return { ...verdict, changes: [moved, ...verdict.changes] };
  return { kind: "event", state: seen, fingerprint: known.fingerprint, changes: [moved] };
}

function mountPath({ namespace, mount }: SecretRef): string {
  return namespace === "" ? mount : `${namespace}/${mount}`;
}

export class Publisher {
  readonly #parts: PublisherParts;

  constructor(parts: PublisherParts) {
    this.#parts = parts;
  }

  /** Judges an observation and publishes what it changed. Throws the log's errors. */
  async publish(observation: Observation, confirmed: boolean): Promise<PublishEnd> {
    const { memory, log, events, random } = this.#parts;
    const { key } = observation;
    const known = memory.get(key);
    if (known !== undefined && known.tick > observation.tick) return { kind: "overtaken" };
    const verdict = movedOr(diff(known, observation.seen, confirmed), known, observation);
    if (verdict.kind !== "event") return verdict;
    const event: VersionEvent = {
      major: 1,
      secret: observation.ref,
      clusterId: observation.clusterId,
      state: verdict.state,
      fingerprint: verdict.fingerprint,
      changes: [...verdict.changes],
      via: observation.via,
      readStartedAt: observation.readStartedAt,
      ...(observation.committedAt === undefined ? {} : { committedAt: observation.committedAt }),
      ...(observation.hintedAt === undefined ? {} : { hintedAt: observation.hintedAt }),
    };
    return inTrace(currentTrace() ?? newTrace(random), async () => {
      const result = await log.append(key, event, known?.sequence ?? 0);
      if (result.kind === "lost") {
        events.overtaken({ key });
        await this.relearn(key);
        return { kind: "overtaken" };
      }
      memory.put(key, event, result.sequence);
      events.published({ key, event, sequence: result.sequence, committedAt: observation.committedAt });
      return { kind: "published" };
    });
  }

  /** Takes what the log holds of a secret into memory. */
  async relearn(key: SecretKey): Promise<void> {
    const { log, memory } = this.#parts;
    const entry = await log.last(key);
    if (entry === undefined) memory.forget(key);
    else if (memory.get(key)?.sequence !== entry.sequence) memory.put(key, entry.value, entry.sequence);
  }
}
