// Owns: which secret is looked at next, at most once at a time each, so that ten thousand hints for one secret are a few
// reads. Does not own: looking. Invariant: a request that comes while its secret is being looked at leads to another
// look, as the running read may have begun before the change.
import type { Clock } from "@keyferry/ports";
import { Alarm } from "../alarm/alarm.ts";
import type { SecretAddress } from "../ports.ts";
import { type LookRequest, mergeRequests } from "./look-request.ts";

export type LookEnd =
  | { readonly kind: "done" }
  /** Not settled yet: look again, by this request, at the earliest then (milliseconds since 1970). */
  | { readonly kind: "again"; readonly at: number; readonly request: LookRequest };

export interface LookQueueParts {
  readonly clock: Clock;
  readonly concurrency: number;
  /** Secrets that may wait; beyond it new ones are dropped and `onOverflow` says that a sweep is needed. */
  readonly waitingMax: number;
  /** Never rejects. `attempt` counts looks at this secret that did not settle it, from 1. */
  readonly look: (request: LookRequest, attempt: number) => Promise<LookEnd>;
  readonly onOverflow: () => void;
}

interface Slot {
  readonly id: string;
  phase: "ready" | "running" | "delayed";
  /** What to look for next; while running: what came in the meantime. */
  request: LookRequest | undefined;
  dueAt: number;
  attempts: number;
}

export class LookQueue {
  readonly #parts: LookQueueParts;
  readonly #slots = new Map<string, Slot>();
  readonly #ready: Slot[] = [];
  readonly #alarm: Alarm<Slot>;
  readonly #looks = new Set<Promise<void>>();
  #head = 0;
  #isClosed = false;

  constructor(parts: LookQueueParts) {
    this.#parts = parts;
    this.#alarm = new Alarm(parts.clock, (slot) => this.#wake(slot));
  }

  /** Secrets that are waited for or being looked at. */
  get size(): number {
    return this.#slots.size;
  }

  add(request: LookRequest): void {
    if (this.#isClosed) return;
    const id = idOf(request.address);
    const slot = this.#slots.get(id);
    if (slot === undefined) {
      if (this.#slots.size >= this.#parts.waitingMax) return this.#parts.onOverflow();
      const made: Slot = { id, phase: "ready", request, dueAt: 0, attempts: 0 };
      this.#slots.set(id, made);
      this.#enqueue(made);
      return;
    }
    slot.request = slot.request === undefined ? request : mergeRequests(slot.request, request);
    // News about a secret that waits for its next look: that look is due now.
    if (slot.phase === "delayed") this.#enqueue(slot);
  }

  /** The timers' loop. When `signal` aborts no new look begins, and it ends once the running ones have. */
  async run(signal: AbortSignal): Promise<void> {
    await this.#alarm.run(signal);
    this.#isClosed = true;
    await Promise.all(this.#looks);
  }

  #wake(slot: Slot): void {
    // Looked at already, or set anew for a later time.
    if (slot.phase === "delayed" && slot.dueAt <= this.#parts.clock.now()) this.#enqueue(slot);
  }

  #enqueue(slot: Slot): void {
    slot.phase = "ready";
    this.#ready.push(slot);
    this.#pump();
  }

  #pump(): void {
    while (!this.#isClosed && this.#looks.size < this.#parts.concurrency) {
      const slot = this.#takeReady();
      if (slot === undefined) return;
      const look = this.#lookAt(slot).finally(() => {
        this.#looks.delete(look);
        this.#pump();
      });
      this.#looks.add(look);
    }
  }

  #takeReady(): Slot | undefined {
    const slot = this.#ready[this.#head];
    if (slot === undefined) return undefined;
    this.#head += 1;
    // Drops the taken half at once instead of shifting all of it for each.
    if (this.#head > 1_000 && this.#head * 2 > this.#ready.length) {
      this.#ready.splice(0, this.#head);
      this.#head = 0;
    }
    return slot;
  }

  async #lookAt(slot: Slot): Promise<void> {
    const { request } = slot;
    if (request === undefined) return;
    slot.phase = "running";
    slot.request = undefined;
    slot.attempts += 1;
    this.#settle(slot, await this.#parts.look(request, slot.attempts));
  }

  #settle(slot: Slot, end: LookEnd): void {
    const news = slot.request;
    if (end.kind === "again") {
      slot.request = news === undefined ? end.request : mergeRequests(end.request, news);
      if (news !== undefined) return this.#enqueue(slot);
      slot.phase = "delayed";
      slot.dueAt = end.at;
      return this.#alarm.set(end.at, slot);
    }
    slot.attempts = 0;
    if (news !== undefined) return this.#enqueue(slot);
    this.#slots.delete(slot.id);
  }
}

function idOf({ namespace, mount, path }: SecretAddress): string {
  return JSON.stringify([namespace, mount, path]);
}
