// Owns: what was asked and what came of it: the log that tests and benchmarks judge by.
// Does not own: the state of the vaults (state.ts reads that).
// Invariants: a request is logged when it has arrived whole, before anything is done with it; `status` 0 means that it
// is still at work. An effect is logged in the order it took place. Values are never kept, only their SHA-256.
import { createHash } from "node:crypto";
import type { Effect } from "../secrets/call.ts";
import type { Tags } from "../store/secret.ts";
import type { Operation } from "../wire/route.ts";
import { BoundedLog } from "./bounded-log.ts";

/** `token`: the authority's token endpoint; `unknown`: no route. */
export type LoggedOperation = Operation | "token" | "unknown";

export interface RequestRecord {
  readonly seq: number;
  /** Vaults' time, milliseconds. */
  readonly atMs: number;
  /** Real time, milliseconds. */
  readonly wallMs: number;
  readonly vault: string;
  readonly method: string;
  readonly operation: LoggedOperation;
  readonly name: string;
  readonly version: string | undefined;
  /** The client id, once the token was taken. */
  readonly principal: string | undefined;
  readonly hadToken: boolean;
  readonly bodyBytes: number;
  /** True where a body came without a token. */
  readonly leak: boolean;
  readonly clientRequestId: string | undefined;
  /** 0: still at work; -1: the connection was cut by a fault. */
  readonly status: number;
  readonly code: string | undefined;
  readonly innerCode: string | undefined;
  readonly faults: readonly string[];
}

/** A record while its request is at work; only the server writes to it. */
export type OpenRequest = { -readonly [Key in keyof RequestRecord]: RequestRecord[Key] };

export interface EffectRecord {
  readonly seq: number;
  readonly requestSeq: number;
  readonly atMs: number;
  readonly wallMs: number;
  readonly vault: string;
  readonly kind: Effect["kind"];
  readonly name: string;
  readonly version: string;
  readonly tags: Tags;
  readonly enabled: boolean;
  readonly contentType: string | undefined;
  /** SHA-256 of the value's UTF-8 bytes, hex. */
  readonly valueSha256: string;
}

export interface LogFilter {
  readonly vault?: string;
  readonly operation?: LoggedOperation;
  readonly name?: string;
  readonly status?: number;
  readonly kind?: Effect["kind"];
  /** Only records with a higher `seq`. */
  readonly after?: number;
}

export interface OracleSnapshot {
  readonly requests: number;
  readonly effects: number;
  readonly calls: Readonly<Record<string, number>>;
  readonly statuses: Readonly<Record<string, number>>;
  readonly effectsByKind: Readonly<Record<string, number>>;
  readonly leaks: number;
  readonly throttled: number;
  readonly tokens: number;
  /** Records that fell out of the logs because they were full. */
  readonly dropped: number;
}

/** The log, with questions. */
export class Oracle {
  readonly #requests: BoundedLog<RequestRecord>;
  readonly #effects: BoundedLog<EffectRecord>;
  #calls: Record<string, number> = {};
  #statuses: Record<string, number> = {};
  #effectsByKind: Record<string, number> = {};
  #leaks = 0;

  constructor(recordsMax: number) {
    this.#requests = new BoundedLog(recordsMax);
    this.#effects = new BoundedLog(recordsMax);
  }

  /** Logs a request's arrival. The server completes the record with `finish`. */
  open(
    request: Omit<OpenRequest, "seq" | "status" | "code" | "innerCode" | "faults" | "wallMs">,
  ): OpenRequest {
    const record: OpenRequest = {
      seq: this.#requests.nextSeq,
      wallMs: Date.now(),
      status: 0,
      code: undefined,
      innerCode: undefined,
      faults: [],
      ...request,
    };
    this.#requests.push(record);
    increment(this.#calls, record.operation);
    if (record.leak) this.#leaks += 1;
    return record;
  }

  /** Completes a request's record. */
  finish(record: OpenRequest, status: number, code?: string, innerCode?: string): void {
    record.status = status;
    record.code = code;
    record.innerCode = innerCode;
    increment(this.#statuses, String(status));
  }

  /** Logs an effect. */
  effect(request: RequestRecord, effect: Effect, atMs: number): void {
    const { version } = effect;
    this.#effects.push({
      seq: this.#effects.nextSeq,
      requestSeq: request.seq,
      atMs,
      wallMs: Date.now(),
      vault: request.vault,
      kind: effect.kind,
      name: effect.name,
      version: version.id,
      tags: version.tags ?? {},
      enabled: version.enabled,
      contentType: version.contentType,
      valueSha256: sha256(version.value),
    });
    increment(this.#effectsByKind, effect.kind);
  }

  /** Requests, oldest first. */
  requests(filter: LogFilter = {}): readonly RequestRecord[] {
    return this.#requests.filter(
      (one) =>
        inFilter(one, filter) &&
        (filter.operation === undefined || one.operation === filter.operation) &&
        (filter.status === undefined || one.status === filter.status),
    );
  }

  /** Effects, oldest first. */
  effects(filter: LogFilter = {}): readonly EffectRecord[] {
    return this.#effects.filter(
      (one) => inFilter(one, filter) && (filter.kind === undefined || one.kind === filter.kind),
    );
  }

  /** New versions made by PUT, of a vault and (where given) a name. */
  writes(vault: string, name?: string): readonly EffectRecord[] {
    return this.effects({ vault, kind: "set", ...(name === undefined ? {} : { name }) });
  }

  /** Requests whose body came without a token. */
  leaks(): readonly RequestRecord[] {
    return this.#requests.filter((one) => one.leak);
  }

  /** Requests that were answered 429. */
  throttled(): readonly RequestRecord[] {
    return this.requests({ status: 429 });
  }

  /** How often each operation was called, challenges included. */
  calls(): Readonly<Record<string, number>> {
    return { ...this.#calls };
  }

  /** The most PUTs with a token that arrived at a vault within any span of the vaults' time. */
  mostCreatesWithin(vault: string, windowMs: number): number {
    const times = this.requests({ vault, operation: "set" })
      .filter((one) => one.hadToken)
      .map((one) => one.atMs);
    let most = 0;
    let from = 0;
    for (const [at, time] of times.entries()) {
      while (time - (times[from] ?? time) >= windowMs) from += 1;
      most = Math.max(most, at - from + 1);
    }
    return most;
  }

  /** The figures at this moment. */
  snapshot(): OracleSnapshot {
    return {
      requests: this.#requests.nextSeq - 1,
      effects: this.#effects.nextSeq - 1,
      calls: { ...this.#calls },
      statuses: { ...this.#statuses },
      effectsByKind: { ...this.#effectsByKind },
      leaks: this.#leaks,
      throttled: this.#statuses["429"] ?? 0,
      tokens: this.#calls["token"] ?? 0,
      dropped: this.#requests.dropped + this.#effects.dropped,
    };
  }

  /** Forgets everything that was logged; sequence numbers start again. */
  reset(): void {
    this.#requests.clear();
    this.#effects.clear();
    this.#calls = {};
    this.#statuses = {};
    this.#effectsByKind = {};
    this.#leaks = 0;
  }
}

/** The digest the oracle shows in place of a value. */
export function sha256(value: string): string {
  return createHash("sha256").update(value, "utf8").digest("hex");
}

function increment(counts: Record<string, number>, key: string): void {
  counts[key] = (counts[key] ?? 0) + 1;
}

function inFilter(record: { vault: string; name: string; seq: number }, filter: LogFilter): boolean {
  if (filter.after !== undefined && record.seq <= filter.after) return false;
  if (filter.vault !== undefined && record.vault !== filter.vault.toLowerCase()) return false;
  return filter.name === undefined || record.name.toLowerCase() === filter.name.toLowerCase();
}
