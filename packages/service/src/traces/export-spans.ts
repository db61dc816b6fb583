// Owns: where the spans of this process go: to an OpenTelemetry collector, by OTLP over HTTP, in batches. Does not own:
// what is a span (packages/ports). Invariant: a collector that is away, slow or wrong costs spans and nothing else.
import { type HrTime, ROOT_CONTEXT, SpanKind, SpanStatusCode, TraceFlags } from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { resourceFromAttributes } from "@opentelemetry/resources";
import {
  BatchSpanProcessor,
  type ReadableSpan,
  SamplingDecision,
  TraceIdRatioBasedSampler,
} from "@opentelemetry/sdk-trace";
import { recordSpans, type SpanRecord, type SpanRecorder } from "@keyferry/ports";

export interface SpanExportOptions {
  /** The collector's base, as in OTEL_EXPORTER_OTLP_ENDPOINT: `/v1/traces` is appended. */
  readonly endpoint: string;
  /** 0 to 100. Whole traces are kept or dropped, in every service alike: it is decided by the trace id. */
  readonly samplePercent: number;
  readonly service: string;
  readonly version: string;
  /** How long one sending may take, its repeats included; also the longest that a stop waits for a collector. */
  readonly exportTimeoutMs?: number;
}

// Some seconds' worth at the ceiling of one vault; what does not fit is dropped, as the library does.
const QUEUE_MAX = 8_192;
const BATCH_MAX = 512;
const BATCH_DELAY_MS = 2_000;
const EXPORT_TIMEOUT_MS = 5_000;

const KINDS = {
  internal: SpanKind.INTERNAL,
  client: SpanKind.CLIENT,
  server: SpanKind.SERVER,
  consumer: SpanKind.CONSUMER,
} as const;

/** Begins to send spans. The returned function sends what is left, and ends it; it never rejects. */
export function exportSpans(options: SpanExportOptions): () => Promise<void> {
  const { exportTimeoutMs = EXPORT_TIMEOUT_MS } = options;
  const processor = new BatchSpanProcessor({
    exporter: new OTLPTraceExporter({
      url: `${options.endpoint.replace(/\/+$/, "")}/v1/traces`,
      timeoutMillis: exportTimeoutMs,
    }),
    maxQueueSize: QUEUE_MAX,
    maxExportBatchSize: BATCH_MAX,
    scheduledDelayMillis: BATCH_DELAY_MS,
    exportTimeoutMillis: exportTimeoutMs,
  });
  const end = recordSpans(recorderTo(processor, options));
  return async () => {
    end();
    // A collector that is away must not make the stop of a service a failed one.
    await processor.shutdown().catch(() => undefined);
  };
}

function recorderTo(processor: Pick<BatchSpanProcessor, "onEnd">, options: SpanExportOptions): SpanRecorder {
  const sampler = new TraceIdRatioBasedSampler(options.samplePercent / 100);
  const resource = resourceFromAttributes({
    "service.name": options.service,
    "service.version": options.version,
    "service.namespace": "keyferry",
  });
  return (record) => {
    const verdict = sampler.shouldSample(ROOT_CONTEXT, record.trace.traceId);
    if (verdict.decision !== SamplingDecision.RECORD_AND_SAMPLED) return;
    processor.onEnd(readableSpan(record, resource));
  };
}

function readableSpan(record: SpanRecord, resource: ReadableSpan["resource"]): ReadableSpan {
  const { traceId, spanId } = record.trace;
  const contextOf = (id: string) => ({ traceId, spanId: id, traceFlags: TraceFlags.SAMPLED });
  return {
    name: record.name,
    kind: KINDS[record.kind],
    spanContext: () => contextOf(spanId),
    ...(record.parentSpanId === undefined
      ? {}
      : { parentSpanContext: { ...contextOf(record.parentSpanId), isRemote: true } }),
    startTime: hrTime(record.startedAt),
    endTime: hrTime(record.endedAt),
    duration: hrTime(record.endedAt - record.startedAt),
    status: { code: record.failed ? SpanStatusCode.ERROR : SpanStatusCode.UNSET },
    attributes: { ...record.attributes },
    links: [],
    events: [],
    ended: true,
    resource,
    instrumentationScope: { name: "keyferry" },
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  };
}

function hrTime(ms: number): HrTime {
  const seconds = Math.floor(ms / 1_000);
  return [seconds, Math.round((ms - seconds * 1_000) * 1e6)];
}
