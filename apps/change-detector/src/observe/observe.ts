// Owns: one look at one secret: read, check who answered, judge, publish, or say when to look again. The one path of
// hints, expiry, asks and the doubts of sweeps. Does not own: which secrets (hints/, sweep/), what changed (diff/).
// Invariants: an observation counts only with accessor and cluster (O8); what is not an answer is never a deletion; a
// look ends in an event, in "nothing changed", in "held", or in another look.
import { assertNever, type KeyferryError, toKeyferryError } from "@keyferry/errors";
import type { HeldReason, SecretKey, SecretRef, SecretState } from "@keyferry/contracts";
import { type Clock, inTrace, newTrace, type Random, span } from "@keyferry/ports";
import { backoffMs, type BackoffPolicy } from "@keyferry/retry";
import type { DetectorEvents } from "../events.ts";
import type { Memory } from "../publish/memory.ts";
import type { Publisher } from "../publish/publish.ts";
import type { HeldChange, KeyOf, MountAddress, MountIdentity, SourceReader } from "../ports.ts";
import type { Confirmations } from "./confirmations.ts";
import type { Holds } from "./holds.ts";
import type { LookEnd } from "./look-queue.ts";
import type { LookRequest } from "./look-request.ts";
import type { ServerGates } from "./server-gates.ts";
import type { WatchedMounts } from "./watched-mounts.ts";

export interface ObserverParts {
  readonly sourceName: string;
  readonly source: SourceReader;
  readonly mounts: WatchedMounts;
  readonly memory: Memory;
  readonly publisher: Publisher;
  readonly confirmations: Confirmations;
  readonly holds: Holds;
  readonly gates: ServerGates;
  readonly keyOf: KeyOf;
  readonly clock: Clock;
  readonly random: Random;
  readonly events: DetectorEvents;
  readonly signal: AbortSignal;
}

// A node that is behind catches up in milliseconds; after the cap what it shows is taken as it is.
const BEHIND_MS_MAX = 30_000;
const BEHIND: BackoffPolicy = { firstMs: 100, capMs: 2_000, factor: 2 };
const BEHIND_MS_MIN = 50;
// For hints that name no version: the first read may have been behind without a sign of it (reference 4.9).
const SECOND_LOOK_MS = 2_000;
const FAILED: BackoffPolicy = { firstMs: 500, capMs: 30_000, factor: 2 };
const FAILED_ATTEMPTS_MAX = 10; // about two minutes; then the next sweep, or whoever asks again, takes it up
const AWAY_TRIES_MAX = 3;
const DENIED_AGAIN_MS = 6_000;
const DONE: LookEnd = { kind: "done" };

interface Look {
  readonly request: LookRequest;
  readonly attempt: number;
  readonly mount: MountIdentity;
  readonly ref: SecretRef;
  readonly key: SecretKey;
}

interface Reading {
  readonly seen: SecretState;
  readonly readStartedAt: number;
  readonly tick: number;
}

export class Observer {
  readonly #parts: ObserverParts;

  constructor(parts: ObserverParts) {
    this.#parts = parts;
  }

  /** Looks at a secret. Waits while the source or the bus is away; never rejects. */
  look(request: LookRequest, attempt: number): Promise<LookEnd> {
    const { traceId, cause } = request;
    const trace = traceId === undefined ? newTrace(this.#parts.random) : { traceId, spanId: "" };
    const options = {
      name: "look at a secret",
      attributes: { "keyferry.cause": cause, "keyferry.attempt": attempt },
      after: ({ kind }: LookEnd) => ({ "keyferry.end": kind }),
    };
    return inTrace(trace, () => span(options, () => this.#lookUntilAnswered(request, attempt)));
  }

  async #lookUntilAnswered(request: LookRequest, attempt: number): Promise<LookEnd> {
    const { gates, signal } = this.#parts;
    for (let tried = 1; !signal.aborted; tried += 1) {
      try {
        await gates.opened(signal);
        return await this.#lookOnce(request, attempt);
      } catch (thrown) {
        const error = toKeyferryError(thrown);
        const isAway = gates.take(error, signal);
        // A server that answers its probe and not this read: the others need not wait for this one any more.
        if (!isAway || tried >= AWAY_TRIES_MAX) return this.#failed(request, attempt, error);
      }
    }
    return DONE; // stopping: the next start's sweep finds what was missed
  }

  async #lookOnce(request: LookRequest, attempt: number): Promise<LookEnd> {
    const { mounts, keyOf, sourceName, publisher } = this.#parts;
    const { namespace, mount: mountPath, path } = request.address;
    const answer = await mounts.resolve({ namespace, mount: mountPath });
    if (answer.kind === "ignored") {
      // Somebody associated a secret that the configuration keeps from us: say so (P7).
      if (request.asked) this.#held(request.address, "not-watched", null);
      return DONE;
    }
    if (answer.kind === "missing") return this.#held(request.address, "mount-missing", null);
    if (answer.kind === "replaced") {
      return this.#held(request.address, "source-changed", await mounts.replacement(answer));
    }
    const { mount } = answer;
    const ref: SecretRef = {
      source: sourceName,
      namespace,
      mount: mountPath,
      accessor: mount.accessor,
      path,
    };
    const look: Look = { request, attempt, mount, ref, key: keyOf(ref) };
    // Who asks may know that the log lost what memory still holds (O7), so the log is read again first.
    if (request.asked) await publisher.relearn(look.key);
    const reading = await this.#read(look);
    const identity = await mounts.check(mount);
    if (identity.kind === "changed") return this.#changed(look, identity.what, identity.change);
    const behind = this.#behind(look, reading);
    if (behind !== undefined) return behind;
    return this.#judge(look, reading, identity.clusterId);
  }

  async #read({ request }: Look): Promise<Reading> {
    const { source, memory, clock, signal } = this.#parts;
    const readStartedAt = clock.now();
    const { tick } = memory;
    const read = await source.readMetadata(request.address, signal);
    const seen: SecretState = read.kind === "present" ? read.state : { kind: "gone" };
    return { seen, readStartedAt, tick };
  }

  /** Another cluster or mount answers: nothing that it says is about the secrets that are known. */
  #changed(look: Look, what: "cluster" | "accessor" | "missing", change: HeldChange): LookEnd {
    this.#parts.confirmations.clear(look.key);
    this.#held(look.request.address, what === "missing" ? "mount-missing" : "source-changed", change);
    // A mount that was made anew under the path of an old one has secrets of its own; they are looked at as such.
    const isOfNewMount = what === "accessor" && look.request.cause !== "sweep";
    return isOfNewMount ? { kind: "again", at: this.#parts.clock.now(), request: look.request } : DONE;
  }

  /** Another look if the read shows less than a write is known to have made. */
  #behind({ request, attempt }: Look, { seen, readStartedAt }: Reading): LookEnd | undefined {
    const { minVersion, hintedAt } = request;
    // After a deletion of the metadata, versions begin anew and no number is a floor.
    if (minVersion === undefined || request.deletionHinted) return undefined;
    if (seen.kind === "present" && seen.current >= minVersion) return undefined;
    if (readStartedAt - (hintedAt ?? readStartedAt) > BEHIND_MS_MAX) return undefined;
    const waitMs = Math.max(BEHIND_MS_MIN, backoffMs(attempt, BEHIND, this.#parts.random));
    return { kind: "again", at: this.#parts.clock.now() + waitMs, request };
  }

  async #judge(look: Look, reading: Reading, clusterId: string): Promise<LookEnd> {
    const { confirmations, publisher, memory, clock } = this.#parts;
    const { request, key, ref } = look;
    // A hint about a path that never was known and isn't there: nothing to tell, unless somebody waits for it (O7).
    if (reading.seen.kind === "gone" && memory.fingerprint(key) === undefined && !request.asked) {
      confirmations.clear(key);
      return this.#unchanged(request, reading.readStartedAt);
    }
    const { cause: via, hintedAt, committedAt } = request;
    const observation = { key, ref, clusterId, ...reading, via, hintedAt, committedAt };
    let end = await publisher.publish(observation, false);
    if (end.kind === "confirm") {
      const { readStartedAt } = reading;
      const at = confirmations.confirmableAt(key, end.why, readStartedAt, request.deletionHinted);
      if (readStartedAt < at) return { kind: "again", at, request };
      end = await publisher.publish(observation, true);
    }
    switch (end.kind) {
      case "published":
        confirmations.clear(key);
        return DONE;
      case "unchanged":
        confirmations.clear(key);
        return this.#unchanged(request, reading.readStartedAt);
      case "overtaken":
        return { kind: "again", at: clock.now(), request };
      case "confirm":
        return DONE; // a confirmed observation is never asked for again
      default:
        return assertNever(end);
    }
  }

  /** A change was hinted and none was seen: once more, in case the node was behind. */
  #unchanged(request: LookRequest, readStartedAt: number): LookEnd {
    const isDoubtful =
      request.cause === "hint" && request.minVersion === undefined && request.isSecondLook !== true;
    if (!isDoubtful) return DONE;
    return { kind: "again", at: readStartedAt + SECOND_LOOK_MS, request: { ...request, isSecondLook: true } };
  }

  #held(at: MountAddress, why: HeldReason, change: HeldChange): LookEnd {
    const { events, holds } = this.#parts;
    events.held({ mount: at.mount, why });
    holds.add(at, why, change);
    return DONE;
  }

  /** An error that is about this secret or this mount. */
  #failed(request: LookRequest, attempt: number, error: KeyferryError): LookEnd {
    const { events, mounts, random, clock } = this.#parts;
    const { mount } = request.address;
    if (error.code === "request-invalid" || error.code === "operation-aborted") return DONE;
    if (error.code === "mount-missing" || error.code === "source-denied") {
      mounts.forget(request.address);
      const end = this.#held(request.address, error.code, null);
      // Once more: the token may have died, which is asked about at most every few seconds for all.
      const mayBeToken = error.code === "source-denied" && attempt === 1;
      return mayBeToken ? { kind: "again", at: clock.now() + DENIED_AGAIN_MS, request } : end;
    }
    events.lookFailed({ mount, error, attempt });
    if (attempt >= FAILED_ATTEMPTS_MAX) return DONE;
    return { kind: "again", at: clock.now() + backoffMs(attempt, FAILED, random), request };
  }
}
