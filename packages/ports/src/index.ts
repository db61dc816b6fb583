export { type Clock, systemClock } from "./clock.ts";
export { type LogFields, type Logger, silentLogger } from "./logger.ts";
export { type Random, systemRandom } from "./random.ts";
export { SecretValue } from "./secret-value.ts";
export {
  currentTrace,
  formatTraceparent,
  inTrace,
  newTrace,
  nextSpan,
  parseTraceparent,
  type Trace,
} from "./trace.ts";
