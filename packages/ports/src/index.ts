export { type Clock, systemClock } from "./clock.ts";
export { type LogFields, type Logger, silentLogger } from "./logger.ts";
export { type Random, systemRandom } from "./random.ts";
export { SecretValue } from "./secret-value.ts";
export {
  recordSpans,
  span,
  type SpanAttributes,
  type SpanKind,
  type SpanOptions,
  type SpanRecord,
  type SpanRecorder,
} from "./span.ts";
export {
  currentSpan,
  currentTrace,
  formatTraceparent,
  inTrace,
  newTrace,
  nextSpan,
  parseTraceparent,
  type Trace,
  traceOfRequest,
} from "./trace.ts";
