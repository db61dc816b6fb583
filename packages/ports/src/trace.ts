import { AsyncLocalStorage } from "node:async_hooks";
import type { Random } from "./random.ts";

/** W3C trace context: one trace id leads from the write at the source to the Key Vault version. */
export interface Trace {
  /** 32 hex digits. */
  readonly traceId: string;
  /** 16 hex digits. */
  readonly spanId: string;
}

const running = new AsyncLocalStorage<Trace>();

const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$/;

/** The trace in which the calling code runs, if any. */
export function currentTrace(): Trace | undefined {
  return running.getStore();
}

/** The running trace, if a span of it has begun: what a message or a request names as its parent. */
export function currentSpan(): Trace | undefined {
  const trace = running.getStore();
  return trace === undefined || trace.spanId === "" ? undefined : trace;
}

/** Runs `work` so that whatever it logs or publishes carries `trace`. */
export function inTrace<T>(trace: Trace, work: () => T): T {
  return running.run(trace, work);
}

/** A trace that begins here. */
export function newTrace(random: Random): Trace {
  return { traceId: random.bytes(16).toString("hex"), spanId: random.bytes(8).toString("hex") };
}

const REQUEST_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/**
 * The trace of a write at the source: its id is the request id that the source's audit log has, without dashes, so that
 * one search finds the write there and the Key Vault version here. Undefined if it is no request id. It has no span yet.
 */
export function traceOfRequest(requestId: string | undefined): Trace | undefined {
  if (requestId === undefined || !REQUEST_ID.test(requestId)) return undefined;
  return { traceId: requestId.replaceAll("-", "").toLowerCase(), spanId: "" };
}

/** The next span of `trace`, or of a new one. */
export function nextSpan(trace: Trace | undefined, random: Random): Trace {
  return { ...(trace ?? newTrace(random)), spanId: random.bytes(8).toString("hex") };
}

/** As a `traceparent` header. */
export function formatTraceparent({ traceId, spanId }: Trace): string {
  return `00-${traceId}-${spanId}-01`;
}

/** Reads a `traceparent` header; undefined if it is none. */
export function parseTraceparent(header: string | undefined): Trace | undefined {
  const [, traceId, spanId] = TRACEPARENT.exec(header ?? "") ?? [];
  return traceId !== undefined && spanId !== undefined ? { traceId, spanId } : undefined;
}
