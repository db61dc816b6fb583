// Owns: the judgement of every effect on the vaults, as it happens, against the history of the source and of the wishes
// (P2, P3, P4, intents, permits), of every create's pace (P6), of every status (P7) and of every text (P5). Does not own: the end's judgement (P1: final.ts).
// A write that lands after its intent's deadline is an edge (DESIGN section 1): counted, and then repaired or P1 fails.
import {
  type AssociationRecord,
  associationRecordSchema,
  destinationRecordSchema,
  fingerprintOf,
  type SyncCommand,
  syncCommandSchema,
  type SyncRecord,
  syncRecordSchema,
  versionEventSchema,
} from "@keyferry/contracts";
import { type AssociationStatus, deriveStatus } from "../../../apps/association-service/src/status/status.ts";
import type { VaultEffect } from "../servers/key-vault.ts";
import type { Moment, SourceModel } from "../servers/source.ts";
import type { Scheduler } from "../time/scheduler.ts";
import type { SimulatedProcess } from "../time/process.ts";
import { formatTime } from "../run/history.ts";
import { world } from "../world.ts";
import { writeOf } from "./canary.ts";
import { NameBook } from "./name-book.ts";
import { Wishes } from "./wishes.ts";

export type PromiseName = "P1" | "P2" | "P3" | "P4" | "P5" | "P6" | "P7" | "intent" | "permit";

export interface Breach {
  readonly promise: PromiseName;
  readonly text: string;
  readonly at: number;
}

/** A write that was sent. */
export interface WritingNote {
  readonly process: SimulatedProcess;
  readonly sentAt: number;
}

interface OpenedIntent {
  readonly opId: string;
  readonly at: number;
  readonly action: string;
  readonly fence: { readonly epoch: number; readonly sequence: number };
  readonly destination: string;
  readonly secretKey: string;
}

const DEADLINE_MS = 10_000;
const HOUR_MS = 3_600_000;
// A name's lock, under which it is looked at and written, lasts no longer.
const LOOK_TO_WRITE_MS_MAX = 30_000;
// Key Vault's limit in any 10 s (reference).
const CREATES_MAX = 300;
const BREACHES_MAX = 20;

export class Oracle {
  readonly breaches: Breach[] = [];
  readonly wishes: Wishes;
  readonly names: NameBook;
  readonly edges = new Map<string, number>();
  readonly records = new Map<string, SyncRecord>();
  /** Deletes that the source drove, by destination. */
  readonly #budgetDeletes = new Map<string, Map<string, number>>();
  readonly #commands = new Map<string, SyncCommand>();
  readonly #intents = new Map<string, OpenedIntent>();
  readonly #looks = new Map<string, number>();
  readonly #startedAt: number;
  #landing: WritingNote | undefined;
  deletesPerHour = 10;
  /** Faults of which P4 and P6 have edges. */
  hasLostStreams = false;
  effects = 0;

  constructor(source: SourceModel, scheduler: Scheduler) {
    this.#startedAt = scheduler.now;
    this.wishes = new Wishes(source);
    this.names = new NameBook(this.wishes);
  }

  breach(promise: PromiseName, text: string): void {
    const { scheduler, history } = world();
    const at = scheduler.now - this.#startedAt;
    history.note("ORACLE", () => `${promise} BREACH: ${text}`);
    if (this.breaches.length < BREACHES_MAX)
      this.breaches.push({ promise, text: `${formatTime(at)} ${text}`, at });
  }

  edge(what: string): void {
    this.edges.set(what, (this.edges.get(what) ?? 0) + 1);
    world().history.note("ORACLE", () => `edge: ${what}`);
  }

  /** A message was stored in a stream. */
  published(process: SimulatedProcess, subject: string, data: Uint8Array, sequence: number): void {
    const { scheduler, history } = world();
    const [first, second, third, fourth] = subject.split(".");
    const text = Buffer.from(data).toString("utf8");
    if (first === "sync" && second === "result") {
      const record = syncRecordSchema.parse(JSON.parse(text));
      this.#recordPublished(`${third}.${fourth}`, record);
      this.#judgeStatus(`${third}.${fourth}`);
      history.note(
        process.name,
        () => `record ${fourth?.slice(0, 6)} @${sequence}: ${describeRecord(record)}`,
      );
    } else if (first === "sync" && second === "desired") {
      const command = syncCommandSchema.parse(JSON.parse(text));
      this.#commands.set(`${command.epoch}.${sequence}`, command);
      this.#lastCommands.set(`${third}.${fourth}`, { value: command, sequence, time: scheduler.now });
      this.#judgeStatus(`${third}.${fourth}`);
      history.note(
        process.name,
        () => `command @${sequence} ${subject.split(".").at(-1)}: ${describeCommand(command)}`,
      );
    } else if (first === "kv2" && second === "event") {
      history.note(process.name, () => `event @${sequence}: ${describeEvent(text)}`);
      this.#judgeEvent(text);
    } else if (first === "$KV" && second === "associations") {
      const record = text === "" ? undefined : associationRecordSchema.parse(JSON.parse(text));
      this.wishes.associationWritten(subject.split(".").slice(2).join("."), scheduler.now, record);
      history.note(
        process.name,
        () => `association ${record?.secret.path ?? fourth}: ${record?.state ?? "deleted"}`,
      );
    } else if (first === "$KV" && second === "destinations") {
      const record = text === "" ? undefined : destinationRecordSchema.parse(JSON.parse(text));
      this.wishes.destinationWritten(subject, scheduler.now, record);
      history.note(process.name, () => `destination ${record?.name ?? third}: ${record?.state ?? "deleted"}`);
    }
  }

  readonly #lastCommands = new Map<string, { value: SyncCommand; sequence: number; time: number }>();

  /** P7: whatever a person would be shown of an association now explains itself. */
  explain(key: string, association: AssociationRecord): AssociationStatus {
    const status = deriveStatus(association, this.#lastCommands.get(key), this.records.get(key));
    const why = whyUnexplained(status, world().scheduler.now);
    if (why !== undefined) this.breach("P7", `${association.secret.path} is ${status.status}: ${why}`);
    return status;
  }

  #judgeStatus(key: string): void {
    const association = this.wishes.association(key);
    if (association?.state === "active") this.explain(key, association);
  }

  // Events fold to the source's history: each shows a moment that is not before the one that the last showed. Of a source
  // whose standbys answer, or whose stream was lost, nothing can be said.
  #judgeEvent(text: string): void {
    const event = versionEventSchema.parse(JSON.parse(text));
    const { source } = world();
    const { accessor, path } = event.secret;
    if (source.hadStandby || this.hasLostStreams) return;
    const key = `${accessor} ${path}`;
    const lowest = this.#eventMoments.get(key) ?? 0;
    const moments = this.wishes.momentsOf(accessor, path);
    const shows = ({ at, secret }: Moment): boolean =>
      fingerprintOf(secret === undefined ? { kind: "gone" } : source.present(secret, at)) ===
      event.fingerprint;
    const found = moments.findIndex((moment, index) => index >= lowest && shows(moment));
    if (found >= 0) this.#eventMoments.set(key, found);
    else if (moments.some(shows))
      this.breach("P2", `event of ${path} shows what was there before the last event`);
  }

  readonly #eventMoments = new Map<string, number>();

  /** A write leaves a process. */
  writing(process: SimulatedProcess, _host: string): WritingNote {
    return { process, sentAt: world().scheduler.now };
  }

  /** The write whose effect happens now. */
  landing(note: WritingNote | undefined): void {
    this.#landing = note;
  }

  /** A process saw what lies under a name. */
  looked(process: SimulatedProcess, host: string, name: string): void {
    this.#looks.set(`${process.name} ${host}/${name.toLowerCase()}`, world().scheduler.now);
  }

  leaked(where: string, text: string): void {
    this.breach("P5", `a value was found in ${where}: ${text.slice(0, 300)}`);
  }

  /** P6: a create arrived at a vault, which took `recent` of them in 10 s. */
  created(host: string, by: "keyferry" | "foreign", recent: number): void {
    if (by === "keyferry" && recent > CREATES_MAX)
      this.breach("P6", `${recent} creates reached ${host} within 10 s`);
  }

  /** Judges what has just happened to a name. */
  effect(effect: VaultEffect): void {
    this.effects += 1;
    const { history } = world();
    const id = `${effect.host}/${effect.name.toLowerCase()}`;
    const who = this.#landing?.process.name ?? effect.by;
    const write = effect.version === undefined ? undefined : writeOf(effect.version.value);
    history.note(
      "VAULT",
      () => `${effect.kind} ${id}${write === undefined ? "" : ` (write ${write})`} by ${who}`,
    );
    if (effect.by === "foreign") return this.names.foreign(id, effect);
    const intent = this.#intentOf(id, effect);
    const { now } = world().scheduler;
    const isLate = intent !== undefined && now > intent.at + DEADLINE_MS;
    if (intent === undefined)
      this.breach("intent", `${effect.kind} of ${id} by ${who} without an intent before it`);
    this.#judgeOwnership(id, effect, isLate);
    if (isLate) {
      this.edge("late-write");
      this.names.late(id);
      return;
    }
    if (effect.kind === "put") {
      const text = this.names.put(id, effect, now);
      if (text !== undefined) this.breach(text.promise, text.text);
    }
    if (effect.kind === "delete") this.#judgeDelete(id, effect, intent, now);
    if (effect.kind === "patch" && effect.version?.enabled === false)
      this.#judgeDelete(id, effect, intent, now);
  }

  #judgeDelete(id: string, effect: VaultEffect, intent: OpenedIntent | undefined, now: number): void {
    const cause = this.names.deleted(id, effect, now);
    if (cause.kind === "breach") this.breach("P2", cause.text);
    if (cause.kind !== "source" || intent === undefined) return;
    const command = this.#commands.get(`${intent.fence.epoch}.${intent.fence.sequence}`);
    if (command?.op === "unsync" && command.permit === null) {
      this.breach("permit", `delete of ${id} by a command without a permit`);
    }
    if (command?.op !== "unsync" || command.permit?.by !== "budget") return;
    // A permit is of an association in one state, however many names that is.
    const permits = this.#budgetDeletes.get(intent.destination) ?? new Map<string, number>();
    this.#budgetDeletes.set(intent.destination, permits);
    permits.set(`${intent.secretKey} ${command.permit.fingerprint}`, now);
    for (const [permit, at] of permits) if (at <= now - HOUR_MS) permits.delete(permit);
    // Permits are counted when they are given and deletes when they land: an hour's may meet the next hour's.
    if (permits.size > 2 * this.deletesPerHour) {
      this.breach(
        "permit",
        `${permits.size} source-driven deletes in an hour, of ${this.deletesPerHour} allowed`,
      );
    }
  }

  // P3. What lies under the name and holds nothing of ours may not be touched.
  #judgeOwnership(id: string, effect: VaultEffect, isLate: boolean): void {
    const { before, kind, host, name } = effect;
    if (before === undefined || before.versions.some(({ by }) => by === "keyferry")) return;
    if (isLate) return this.edge("late-write-on-foreign");
    const process = this.#landing?.process.name ?? "";
    const lookedAt = this.#looks.get(`${process} ${host}/${name.toLowerCase()}`) ?? Number.NEGATIVE_INFINITY;
    const sentAt = this.#landing?.sentAt ?? Number.NEGATIVE_INFINITY;
    // It came between look and write. A claimed name that was purged and remade is not looked at before a PUT.
    const isJustLooked = kind === "put" && lookedAt >= sentAt - LOOK_TO_WRITE_MS_MAX;
    if (before.createdAt > lookedAt && (isJustLooked || before.createdAt > sentAt - 2_000)) {
      return this.edge("foreign-came-after-the-look");
    }
    if (kind === "put" && this.names.wasOurs(id)) return this.edge("purged-and-remade-overwritten");
    this.breach("P3", `${kind} of ${id}, which holds nothing of ours`);
  }

  #intentOf(id: string, effect: VaultEffect): OpenedIntent | undefined {
    const opId = opIdOf(effect);
    if (opId !== undefined) {
      const intent = this.#intents.get(opId);
      return intent?.action === effect.kind || effect.kind === "patch" ? intent : undefined;
    }
    const sentAt = this.#landing?.sentAt ?? Number.NEGATIVE_INFINITY;
    let found: OpenedIntent | undefined;
    for (const intent of this.#openedUnder.get(id) ?? []) {
      if (intent.action === effect.kind || intent.action === "disable")
        if (intent.at <= sentAt) found = intent;
    }
    return found;
  }

  readonly #openedUnder = new Map<string, OpenedIntent[]>();

  #recordPublished(key: string, record: SyncRecord): void {
    this.records.set(key, record);
    const host = this.wishes.hostOf(record.destination);
    for (const [lower, { intent }] of Object.entries(record.names)) {
      if (intent === null || this.#intents.has(intent.opId)) continue;
      const opened: OpenedIntent = {
        opId: intent.opId,
        at: world().scheduler.now,
        action: intent.action,
        fence: intent.fence,
        destination: record.destination,
        secretKey: record.secretKey,
      };
      this.#intents.set(intent.opId, opened);
      const id = `${host}/${lower}`;
      this.#openedUnder.set(id, [...(this.#openedUnder.get(id) ?? []).slice(-20), opened]);
    }
  }
}

// A person needs to know why, since when and what to do (P7). Clocks of the processes may stand up to 30 s ahead.
const SKEW_MS = 60_000;

function whyUnexplained(
  { status, reason, since, nextStep }: AssociationStatus,
  now: number,
): string | undefined {
  const at = Date.parse(since);
  if (Number.isNaN(at)) return `no time since when (${since})`;
  if (at > now + SKEW_MS) return `since ${since}, which has not come yet`;
  if (reason === "") return "no reason";
  if (status !== "SYNCED" && nextStep === "") return `no next step (${reason})`;
  return undefined;
}

// The op id is the second field of the state tag (reference: owner tags).
function opIdOf({ kind, version }: VaultEffect): string | undefined {
  if (kind !== "put" && kind !== "patch") return undefined;
  return version?.tags["keyferry-state"]?.split(".")[1];
}

function describeCommand({ op, reason, secret, expect, permit, epoch, spec }: SyncCommand): string {
  const expected = expect === null ? "nothing" : `v${expect.current} ${expect.fingerprint.slice(0, 9)}`;
  return `${op} ${secret.path} (${reason}), expects ${expected}, permit ${permit?.by ?? "none"}, epoch ${epoch}, ${spec.nameTemplate}`;
}

function describeRecord({ kind, outcome, names, consumed, verify }: SyncRecord): string {
  const shown = Object.entries(names).map(([lower, { state, applied, intent }]) => {
    const held = applied === null ? "" : ` v${applied.version}`;
    return `${lower} ${state}${held}${intent === null ? "" : ` [${intent.action}]`}`;
  });
  const error = outcome !== null && "error" in outcome ? ` ${outcome.error.code}` : "";
  const looks = (verify?.length ?? 0) === 0 ? "" : `, ${verify?.length} looks`;
  return `${kind} ${outcome?.kind ?? "none"}${error}; ${shown.join(", ")}; consumed ${consumed.sequence}${looks}`;
}

function describeEvent(text: string): string {
  const event = JSON.parse(text) as {
    secret: { path: string };
    state: { kind: string; current?: number };
    via: string;
  };
  return `${event.secret.path} ${event.state.kind} v${event.state.current ?? "-"} via ${event.via}`;
}
