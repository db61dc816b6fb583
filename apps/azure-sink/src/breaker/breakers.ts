import type { SecretKey, SinkFacts, SyncCommand, Uid } from "@keyferry/contracts";
import { KeyferryError } from "@keyferry/errors";
import type { Clock, Random } from "@keyferry/ports";
import type { Memory } from "../ports.ts";
import { admit, type BreakerState, conclude, UNKNOWN, type Verdict } from "./breaker.ts";

// Owns: a breaker per destination and operation, in this process. Not in Redis on purpose: every sink learns from its
// own calls, a probe per sink and pause is no burden for a vault, and there is no shared state to lose or to be stale.
// Of its own for sync and unsync: a role that may not delete must not keep puts waiting.

/** How long a delivered command waits for somebody else's probe before it is given back. */
const PROBE_WAIT_MS_MAX = 15_000;
const BUSY_RETRY_MS = 1_000;
/** Pairs to be woken when the vault answers again; more than these come by their own time, 5 minutes at most. */
const WAITING_PAIRS_MAX = 20_000;

export type Entered =
  /** Go on, and say how it ended. `leave` counts once; a later call does nothing. */
  | { readonly kind: "entered"; readonly leave: (verdict: Verdict, error?: KeyferryError) => void }
  /** The vault is not asked for now. */
  | { readonly kind: "refused"; readonly error: KeyferryError; readonly waitMs: number }
  /** Somebody else's probe takes long. */
  | { readonly kind: "busy"; readonly retryMs: number };

interface Entry {
  state: BreakerState;
  /** Of the last failure. */
  error: KeyferryError | undefined;
  /** Resolves at the next change of the state. */
  changed: PromiseWithResolvers<void>;
  readonly waiting: Map<string, { destination: Uid; key: SecretKey }>;
}

type BreakerFacts = SinkFacts["breakers"][number];
type Pair = Pick<SyncCommand, "op" | "destination" | "secretKey">;

export interface BreakersOptions {
  readonly later: Pick<Memory["later"], "park">;
  readonly clock: Clock;
  readonly random: Random;
}

export class Breakers {
  readonly #options: BreakersOptions;
  readonly #entries = new Map<string, Entry>();

  constructor(options: BreakersOptions) {
    this.#options = options;
  }

  /** Asks for leave to use the command's destination. `patient`: waits for a probe that is under way. */
  async enter(command: Pair, options: { patient: boolean }, signal: AbortSignal): Promise<Entered> {
    const entry = this.#entry(command);
    const { clock } = this.#options;
    const giveUpMs = clock.now() + PROBE_WAIT_MS_MAX;
    for (;;) {
      const { state, admission } = admit(entry.state, clock.now());
      entry.state = state;
      switch (admission) {
        case "pass":
        case "probe":
          entry.waiting.delete(command.secretKey);
          return { kind: "entered", leave: this.#leaveOnce(entry, admission === "probe") };
        case "refused":
          this.#wait(entry, command);
          return this.#refusal(entry);
        case "busy": {
          const leftMs = giveUpMs - clock.now();
          if (!options.patient || leftMs <= 0) {
            this.#wait(entry, command);
            return { kind: "busy", retryMs: BUSY_RETRY_MS };
          }
          await this.#change(entry, leftMs, signal);
        }
      }
    }
  }

  /** Those that do not let everything pass, for whoever asks how it is. A vault that nobody has asked yet is not told. */
  notClosed(): readonly BreakerFacts[] {
    return [...this.#entries].flatMap(([id, { state, error }]) => {
      if (state.kind === "closed" || error === undefined) return [];
      const [destination = "", op = ""] = id.split("/");
      const until = state.kind === "open" ? state.untilMs : null;
      return [
        {
          destination,
          op: op === "unsync" ? "unsync" : "sync",
          state: state.kind,
          until,
          why: error.message,
        },
      ];
    });
  }

  #entry({ destination, op }: Pair): Entry {
    const id = `${destination}/${op}`;
    let entry = this.#entries.get(id);
    if (entry === undefined) {
      entry = { state: UNKNOWN, error: undefined, changed: Promise.withResolvers(), waiting: new Map() };
      this.#entries.set(id, entry);
    }
    return entry;
  }

  #wait({ waiting }: Entry, { destination, secretKey: key }: Pair): void {
    if (waiting.size < WAITING_PAIRS_MAX) waiting.set(key, { destination, key });
  }

  #refusal({ state, error }: Entry): Entered {
    const waitMs = state.kind === "open" ? Math.max(0, state.untilMs - this.#options.clock.now()) : 0;
    const { code = "vault-unreachable", message = "It failed", details = {} } = error ?? {};
    const text = `The vault is not asked before it may answer again. Last: ${message}`;
    return { kind: "refused", error: new KeyferryError(code, text, { ...details, notAsked: true }), waitMs };
  }

  #leaveOnce(entry: Entry, wasProbe: boolean): (verdict: Verdict, error?: KeyferryError) => void {
    let isOver = false;
    return (verdict, error) => {
      if (isOver) return;
      isOver = true;
      const { clock, random } = this.#options;
      if (error !== undefined) entry.error = error;
      entry.state = conclude(entry.state, { verdict, wasProbe, nowMs: clock.now() }, random);
      entry.changed.resolve();
      entry.changed = Promise.withResolvers();
      if (entry.state.kind === "closed" && entry.waiting.size > 0) void this.#wake(entry);
    };
  }

  async #change(entry: Entry, atMostMs: number, signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    const { clock } = this.#options;
    const time = clock.sleep(atMostMs, AbortSignal.any([signal, over.signal])).catch(() => undefined);
    await Promise.race([entry.changed.promise, time]);
    over.abort();
    if (signal.aborted) throw new KeyferryError("operation-aborted", "The operation was aborted");
  }

  // The vault answers again: what this process sent away comes now and not at its own time.
  async #wake(entry: Entry): Promise<void> {
    const pairs = [...entry.waiting.values()];
    entry.waiting.clear();
    for (const { destination, key } of pairs) {
      // Without Redis they come when it is back, by settle.
      await this.#options.later.park(destination, key, this.#options.clock.now()).catch(() => undefined);
    }
  }
}
