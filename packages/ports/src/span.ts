// Owns: what one piece of work within a trace took, told to whoever records it. Does not own: where spans go
// (packages/service). Without a recorder a span is nothing but its work: the hot path pays one comparison.
import { randomBytes } from "node:crypto";
import { currentSpan, currentTrace, inTrace, type Trace } from "./trace.ts";

export type SpanKind = "internal" | "client" | "server" | "consumer";

/** Never a value, a token or a path of a secret: spans leave the machine (P5). */
export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

export interface SpanRecord {
  readonly trace: Trace;
  /** Absent for the first span of a trace. */
  readonly parentSpanId: string | undefined;
  readonly name: string;
  readonly kind: SpanKind;
  /** Milliseconds since 1970, with fractions. */
  readonly startedAt: number;
  readonly endedAt: number;
  readonly attributes: SpanAttributes;
  readonly failed: boolean;
}

export type SpanRecorder = (span: SpanRecord) => void;

// One for the process, as the running trace is: it is set once, before anything is started (runService).
let recorder: SpanRecorder | undefined;

/** Tells every span from now on to `to`, until the returned function is called. */
export function recordSpans(to: SpanRecorder): () => void {
  recorder = to;
  return () => {
    if (recorder === to) recorder = undefined;
  };
}

export interface SpanOptions<T> {
  readonly name: string;
  readonly kind?: SpanKind;
  readonly attributes?: SpanAttributes;
  /** What the result tells beside. */
  readonly after?: (result: T) => SpanAttributes;
}

/** Runs `work` as a span of the running trace, or of a new one. Rejects as `work` does. */
export async function span<T>(options: SpanOptions<T>, work: () => Promise<T>): Promise<T> {
  const to = recorder;
  if (to === undefined) return work();
  const parentSpan = currentSpan();
  const trace: Trace = {
    traceId: currentTrace()?.traceId ?? randomBytes(16).toString("hex"),
    spanId: randomBytes(8).toString("hex"),
  };
  const startedAt = performance.timeOrigin + performance.now();
  const end = (failed: boolean, told: SpanAttributes): void =>
    to({
      trace,
      parentSpanId: parentSpan?.spanId,
      name: options.name,
      kind: options.kind ?? "internal",
      startedAt,
      endedAt: performance.timeOrigin + performance.now(),
      attributes: { ...options.attributes, ...told },
      failed,
    });
  return inTrace(trace, async () => {
    try {
      const result = await work();
      end(false, options.after?.(result) ?? {});
      return result;
    } catch (thrown) {
      end(true, {});
      throw thrown;
    }
  });
}
