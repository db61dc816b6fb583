// Owns: one look at a (destination, secret): read last command, last state, association (leader reads, in this order), and
// what the rules say where nothing is stored; resolve, publish by compare-and-set. The only publisher of commands; who
// loses reads everything again.
// Does not own: what is wished (resolve.ts), when somebody looks (consumers.ts, settle-loop.ts).

import { isDeepStrictEqual } from "node:util";
import { assertNever } from "@keyferry/errors";
import {
  type Permit,
  type SecretKey,
  type SecretRef,
  type SyncCommand,
  type SyncRecord,
  type Uid,
  wishDigest,
} from "@keyferry/contracts";
import type { Clock } from "@keyferry/ports";
import type { DestinationIndex } from "../destinations/destination-index.ts";
import type { ResolutionKind, ServiceEvents } from "../events.ts";
import type { Permits } from "../permits/permits.ts";
import { heldToken } from "../permits/held-set.ts";
import type { BusPort, CommandEntry } from "../ports.ts";
import { ruledState } from "../rules/match-rule.ts";
import type { RuleBook } from "../rules/rule-book.ts";
import { laneFor, type Trigger } from "./lane.ts";
import {
  type CommandDraft,
  isHeld,
  type Leave,
  mayBeUnrecorded,
  resolve,
  type Seen,
  wishedVersion,
} from "./resolve.ts";

/** The identity of what is looked at: nothing about what happened to it. */
export interface Pair {
  readonly destination: Uid;
  readonly secretKey: SecretKey;
}

/** Whether a wish that the last command already asks for is published once more, and why. */
export type Republish = (facts: {
  readonly wish: string;
  readonly last: CommandEntry;
  readonly record: SyncRecord | undefined;
  /** Of a sync: the version that the state shows as the highest live one. */
  readonly version: number | undefined;
}) => string | undefined;

export interface LookOptions {
  readonly trigger: Trigger;
  readonly republish?: Republish;
  /** What a person approved; good for exactly the command that was held (hazard held-then-alive). */
  readonly approval?: { readonly digest: string; readonly token: string };
  /** A person's leave to take over what lies under its names: ordered anew with it, whatever was ordered before. */
  readonly adopt?: SyncCommand["adopt"];
  /** A caught-up view shows no association either: what is left of the pair may go. */
  readonly orphanConfirmed?: boolean;
}

export interface ResolverOptions {
  readonly bus: Pick<BusPort, "commands" | "events" | "results" | "associations" | "hints">;
  /** Name of the source in subjects. */
  readonly source: string;
  readonly destinations: DestinationIndex;
  readonly rules: Pick<RuleBook, "isEmpty" | "caughtUp" | "rulingOn" | "sequence">;
  readonly permits: Permits;
  readonly epoch: () => number;
  readonly clock: Clock;
  readonly events: ServiceEvents;
}

// A resolver loses only to one that has just resolved the same pair, so the second look nearly always ends it.
const LOST_MAX = 8;
// O9: a lagging leader catches up within this; after that the message is handed out again.
const BEHIND_MAX = 5;
const BEHIND_WAIT_MS = 200;

export class Resolver {
  readonly #options: ResolverOptions;

  constructor(options: ResolverOptions) {
    this.#options = options;
  }

  /**
   * Looks at one pair and publishes its command if that is what it takes. `behind` and `conflict`: look again later.
   * @throws KeyferryError `bus-*`
   */
  async look(pair: Pair, options: LookOptions, signal?: AbortSignal): Promise<ResolutionKind> {
    const kind = await this.#lookUntilClear(pair, options, signal);
    this.#options.events.resolved(kind);
    return kind;
  }

  async #lookUntilClear(pair: Pair, options: LookOptions, signal?: AbortSignal): Promise<ResolutionKind> {
    let lost = 0;
    let behind = 0;
    while (lost < LOST_MAX) {
      const kind = await this.#lookOnce(pair, options);
      if (kind === "behind") {
        behind += 1;
        if (behind >= BEHIND_MAX) return "behind";
        await this.#options.clock.sleep(BEHIND_WAIT_MS * behind, signal);
      } else if (kind === "conflict") {
        lost += 1;
        this.#options.events.casLost("command");
      } else {
        return kind;
      }
    }
    return "conflict";
  }

  async #lookOnce(pair: Pair, options: LookOptions): Promise<ResolutionKind> {
    const { seen, last } = await this.#read(pair, options.orphanConfirmed ?? false);
    const kind = await this.#act(pair, options, seen, last);
    if (kind !== "published" || seen.association !== undefined) return kind;
    // A rule that was written while we looked: its own walk may have come before our command. We look at the rules after
    // our write, it looks at the commands after its own: one of the two sees the other.
    const { ruling } = await this.#readRuling(seen, last);
    return isDeepStrictEqual(ruling, seen.ruling) ? kind : "conflict";
  }

  async #act(
    pair: Pair,
    options: LookOptions,
    seen: Seen,
    last: CommandEntry | undefined,
  ): Promise<ResolutionKind> {
    const resolution = resolve(seen);
    switch (resolution.kind) {
      case "unknown":
        this.ask(resolution.secret, options.trigger.kind);
        return "asked";
      case "behind":
        return "behind";
      case "none":
        return "none";
      case "wish":
        return this.#publish(pair, options, { seen, last }, resolution.draft, resolution.leave);
      default:
        return assertNever(resolution);
    }
  }

  // The order command, state, association matters: what is read after the command can't be older than what the command
  // was resolved from, unless the leader is stale, which RES-3 finds. Record and owner only have to come after it too.
  async #read(
    { destination, secretKey }: Pair,
    orphanConfirmed: boolean,
  ): Promise<{ seen: Seen; last: CommandEntry | undefined }> {
    const { bus, source, destinations, epoch } = this.#options;
    const last = await bus.commands.last(destination, secretKey);
    const state = await bus.events.last(source, secretKey);
    const [association, record, owner] = await Promise.all([
      bus.associations.read(`${destination}.${secretKey}`),
      bus.results.last(destination, secretKey),
      destinations.readByUid(destination),
    ]);
    const facts = {
      secretKey,
      destination: owner?.value,
      association: association.entry,
      associationRevision: association.revision,
      state,
      last,
      record: record?.value,
      epoch: epoch(),
      orphanConfirmed,
    };
    const unruled = { ruling: { kind: "none" as const }, rulesSequence: 0 };
    const ruled = association.entry === undefined ? await this.#readRuling(facts, last) : unruled;
    return { last, seen: { ...facts, ...ruled } };
  }

  // Where no rule is known and none made the last command there is nothing to ask: a rule that is being written now is
  // walked by whoever takes its message.
  async #readRuling(
    { destination, state, record }: Pick<Seen, "destination" | "state" | "record">,
    last: CommandEntry | undefined,
  ): Promise<Pick<Seen, "ruling" | "rulesSequence">> {
    const { rules } = this.#options;
    if (rules.isEmpty && last?.value.spec.byRule !== true)
      return { ruling: { kind: "none" }, rulesSequence: 0 };
    await rules.caughtUp();
    const secret = state?.value.secret ?? last?.value.secret ?? record?.secret;
    const rulesSequence = rules.sequence;
    if (secret === undefined) return { ruling: { kind: "none" }, rulesSequence };
    const ruling = rules.rulingOn(destination, secret, state && ruledState(state.value.state));
    return { ruling, rulesSequence };
  }

  async #publish(
    pair: Pair,
    { trigger, republish, approval, adopt }: LookOptions,
    { seen, last }: { seen: Seen; last: CommandEntry | undefined },
    draft: CommandDraft,
    leave: Leave,
  ): Promise<ResolutionKind> {
    const { bus, clock, events } = this.#options;
    const approved = approval !== undefined && last !== undefined && isHeld(last, seen.record);
    const permit: Permit | null =
      approved && approval.token === heldToken(last)
        ? { by: "approval", digest: approval.digest, fingerprint: draft.expect?.fingerprint ?? "" }
        : await this.#permitFor(draft, leave);
    const wish = wishDigest({ ...draft, permit });
    let why: string = trigger.kind;
    if (last !== undefined && wishDigest(last.value) === wish) {
      const again =
        adopt === undefined
          ? republish?.({ wish, last, record: seen.record, version: wishedVersion(draft, seen.state) })
          : "adopt";
      if (again === undefined) return "unchanged";
      why = again;
    }
    const leaveToAdopt = adopt !== undefined && draft.op === "sync" ? { adopt } : {};
    const isLossy = mayBeUnrecorded(seen) || why === "acked-without-outcome";
    const lookFirst = draft.op === "unsync" && isLossy ? { lookFirst: true } : {};
    const command = { ...this.#command(draft, permit, trigger), ...leaveToAdopt, ...lookFirst };
    const lane = laneFor(trigger, seen, clock.now());
    const result = await bus.commands.put(
      pair.destination,
      pair.secretKey,
      lane,
      command,
      last?.sequence ?? 0,
    );
    if (result.kind === "lost") return "conflict";
    events.commandPublished(command, { sequence: result.sequence, lane, why });
    // What the log shows is not what the source shows: whoever watches it looks again, and learns what the log holds.
    if (why === "another-version") this.ask(draft.secret, why);
    return "published";
  }

  async #permitFor(draft: CommandDraft, leave: Leave): Promise<Permit | null> {
    switch (leave.kind) {
      case "not-needed":
      case "withheld":
        return null;
      case "person":
        return { by: "person" };
      case "kept":
        return leave.permit;
      case "budget":
        return this.#options.permits.claim(draft.destination, {
          association: draft.association,
          fingerprint: leave.fingerprint,
        });
    }
  }

  #command(draft: CommandDraft, permit: Permit | null, trigger: Trigger): SyncCommand {
    const { committedAt, ...rest } = draft;
    const known = trigger.kind === "event" && committedAt !== undefined;
    return {
      major: 1,
      epoch: this.#options.epoch(),
      ...rest,
      permit,
      reason: reasonOf(trigger),
      ...(known ? { committedAt } : {}),
    };
  }

  /** Asks the detector to look at a secret, of which no state is known. */
  ask(secret: SecretRef, why: string): void {
    const { bus, events } = this.#options;
    bus.hints.publish(secret.source, {
      major: 1,
      namespace: secret.namespace,
      mount: secret.mount,
      path: secret.path,
      operation: "look",
      channel: "resolver",
    });
    events.lookAsked({ mount: secret.mount, why });
  }
}

function reasonOf(trigger: Trigger): SyncCommand["reason"] {
  switch (trigger.kind) {
    case "event":
      return "source";
    case "set":
      return "set";
    case "removed":
      return trigger.byPurge ? "purge" : "remove";
    case "settle":
      return "settle";
    case "rule":
      return "rule";
    case "held":
    case "approved":
      return "source";
    case "replay":
      return "replay";
  }
}

/**
 * A person sets an association again to retry what failed (reference: set on an existing pair = refresh): the same wish
 * is published once more if its command ended badly.
 */
export const retryWhatFailed: Republish = ({ wish, record }) => {
  if (record === undefined || record.wish !== wish || record.outcome === null) return undefined;
  const { kind } = record.outcome;
  return kind === "refused" || kind === "waiting" ? "set-again" : undefined;
};
