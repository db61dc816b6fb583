// Owns: how fast all sinks together call one vault (P6). The arithmetic is in lua/pace-*.lua: one copy of it, one clock,
// Redis's own. Does not own: what a token is used for.
import type { Lane } from "@keyferry/contracts";
import { KeyferryError } from "@keyferry/errors";
import type { Clock, Logger } from "@keyferry/ports";
import { pacingKeys } from "../keys.ts";
import type { Connection } from "../redis.ts";
import { Lateness } from "./lateness.ts";
import { Line, type WaitReason } from "./line.ts";

/** Key Vault counts creates apart from everything else. */
export type PacedKind = "create" | "other";

export interface PacedVault {
  readonly host: string;
  /** Vaults of one subscription and region share five times the figure; they are named by whoever configures them. */
  readonly rateGroup?: string | undefined;
}

/** Leave for one call. */
export interface Grant {
  readonly vault: PacedVault;
  readonly kind: PacedKind;
  readonly lane: Lane;
  /** Redis's time, milliseconds: tells a 429 of this pause from one of the last. */
  readonly atMs: number;
  /** Our own time at which it was handed out, milliseconds. */
  readonly receivedAtMs: number;
  /** The one call by which a pause is ended. Its answer has to be reported: `succeeded`, `throttled` or `giveBack`. */
  readonly probe: boolean;
}

export type Taken =
  | { kind: "granted"; grant: Grant }
  | { kind: "wait"; ms: number; why: "rate" | "live-first" | "paused" };

export type Throttled = { kind: "paused"; ms: number; halved: boolean } | { kind: "ignored" };

/** Calls of this process that wait for their turn. */
export interface PacedWait {
  readonly vault: string;
  readonly kind: PacedKind;
  readonly lane: Lane;
  readonly count: number;
  readonly why: WaitReason;
}

interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

// reference: 300 creates and 4,000 others per vault in 10 s, five times that per subscription and region. 28.5 × 10 + 5
// = 290 leaves room for 0.3 s of network jitter (hazard jitter-at-the-ceiling); the others' figures likewise.
const VAULT_RATES: Readonly<Record<PacedKind, Rate>> = {
  create: { perSecond: 28.5, burst: 5 },
  other: { perSecond: 390, burst: 20 },
};
const GROUP_FACTOR = 5;

export class Pacing {
  readonly #redis: Connection;
  readonly #logger: Logger;
  readonly #clock: Clock;
  /** Test side: the time that scripts are given in place of Redis's own. */
  readonly #now: () => number | "";
  readonly #lines = new Map<string, Line>();
  /** By vault and kind. */
  readonly #lateness = new Map<string, Lateness>();

  constructor(options: { redis: Connection; clock: Clock; logger: Logger; now?: () => number }) {
    this.#redis = options.redis;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#now = options.now ?? (() => "");
  }

  /** One try. `wait` says when the next one makes sense. */
  async take(vault: PacedVault, kind: PacedKind, lane: Lane): Promise<Taken> {
    const keys = pacingKeys(vault.host, vault.rateGroup);
    const rates = ratesOf(vault, kind).flatMap(({ perSecond, burst }) => [perSecond, burst]);
    const reply = await this.#redis.script(
      "pace-take",
      [keys.pause, ...keys.buckets(kind)],
      [lane, this.#now(), ...rates],
    );
    const [what, amount, more] = textsOf(reply);
    if (what === "granted") {
      const receivedAtMs = this.#ownNow();
      const grant = { vault, kind, lane, atMs: Number(amount), receivedAtMs, probe: more === "1" };
      return { kind: "granted", grant };
    }
    const why = more === "paused" || more === "live-first" ? more : "rate";
    return { kind: "wait", ms: Number(amount), why };
  }

  /**
   * Waits for a token, in a line per process, vault, kind and lane: one caller at its head asks, however many wait.
   * Rejects with `operation-aborted`, or for the whole line with `state-unreachable`.
   */
  acquire(vault: PacedVault, kind: PacedKind, lane: Lane, signal: AbortSignal): Promise<Grant> {
    const id = JSON.stringify([vault.host, vault.rateGroup, kind, lane]);
    let line = this.#lines.get(id);
    if (line === undefined) {
      line = new Line({
        take: () => this.take(vault, kind, lane),
        giveBack: (grant) => this.giveBack(grant),
        sleep: (ms) => this.#clock.sleep(ms),
        onIdle: () => this.#lines.delete(id),
      });
      this.#lines.set(id, line);
    }
    return line.join(signal);
  }

  /**
   * Says that the call is sent now. Costs nothing unless the token was kept for long: where many are, as after a stall,
   * they are charged once more, and whoever comes next waits, not this caller.
   */
  sent(grant: Grant): void {
    const { vault, kind, probe, receivedAtMs } = grant;
    const id = JSON.stringify([vault.host, kind]);
    let lateness = this.#lateness.get(id);
    if (lateness === undefined) {
      lateness = new Lateness();
      this.#lateness.set(id, lateness);
    }
    if (!lateness.isLate(this.#ownNow() - receivedAtMs) || probe) return;
    const keys = pacingKeys(vault.host, vault.rateGroup);
    const rates = ratesOf(vault, kind).map(({ perSecond }) => perSecond);
    // Without Redis nobody gets a token, so nobody comes too early either.
    void this.#redis
      .script("pace-charge", keys.buckets(kind), [this.#now(), ...rates])
      .catch(() => undefined);
  }

  /** For a token that was not used. */
  async giveBack(grant: Grant): Promise<void> {
    const { vault, kind, probe } = grant;
    const keys = pacingKeys(vault.host, vault.rateGroup);
    const bursts = ratesOf(vault, kind).map(({ burst }) => burst);
    const args = [probe ? "1" : "0", ...bursts];
    await this.#redis.script("pace-give-back", [keys.pause, ...keys.buckets(kind)], args);
  }

  /** A 429 for what was sent with this grant. One of a grant from before the pause changes nothing. */
  async throttled(grant: Grant, retryAfterMs?: number): Promise<Throttled> {
    const keys = pacingKeys(grant.vault.host, grant.vault.rateGroup);
    const reply = await this.#redis.script(
      "pace-throttled",
      [keys.pause, keys.vaultBucket("create"), keys.vaultBucket("other")],
      [grant.atMs, grant.probe ? "1" : "0", retryAfterMs ?? "", this.#now()],
    );
    const [what, ms, halved] = textsOf(reply);
    if (what !== "paused") return { kind: "ignored" };
    const paused = { kind: "paused", ms: Number(ms), halved: halved === "1" } as const;
    this.#logger.warn(
      { vaultHost: grant.vault.host, pauseMs: paused.ms, halved: paused.halved },
      "Vault is throttled",
    );
    return paused;
  }

  /** Any other answer of the vault. Costs nothing unless the grant was a probe. */
  async succeeded(grant: Grant): Promise<void> {
    if (!grant.probe) return;
    const keys = pacingKeys(grant.vault.host, grant.vault.rateGroup);
    await this.#redis.script("pace-probed", [keys.pause], [this.#now()]);
  }

  #ownNow(): number {
    const now = this.#now();
    return now === "" ? this.#clock.now() : now;
  }

  /** Who waits in this process, by vault, kind and lane; `paused`: the vault answered 429, and one probe goes first. */
  waiting(): readonly PacedWait[] {
    return [...this.#lines].flatMap(([id, line]) => {
      const [vault, , kind, lane] = JSON.parse(id) as [string, string | null, PacedKind, Lane];
      const { count, why } = line.waiting;
      return count === 0 ? [] : [{ vault, kind, lane, count, why }];
    });
  }

  /** Turns away everybody in line. */
  close(): void {
    for (const line of this.#lines.values()) {
      line.dismiss(new KeyferryError("operation-aborted", "The service is stopping"));
    }
  }
}

/** Of the vault's bucket and, in a group, of the group's: in the order of their keys. */
function ratesOf(vault: PacedVault, kind: PacedKind): Rate[] {
  const rate = VAULT_RATES[kind];
  if (vault.rateGroup === undefined) return [rate];
  return [rate, { perSecond: rate.perSecond * GROUP_FACTOR, burst: rate.burst * GROUP_FACTOR }];
}

function textsOf(reply: unknown): string[] {
  return Array.isArray(reply) ? reply.map(String) : [];
}
