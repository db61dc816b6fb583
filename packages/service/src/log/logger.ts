// Owns: how log lines are written: JSON, one a line, to stdout. What may stand in them is sanitise.ts.
import { currentTrace, type LogFields, type Logger } from "@keyferry/ports";
import { type DestinationStream, destination, type Logger as PinoLogger, pino, stdTimeFunctions } from "pino";
import { sanitiseFields, sanitiseText } from "./sanitise.ts";

export type LogLevel = "debug" | "info" | "warn" | "error";

export interface LoggerOptions {
  /** In every line, as `service`. */
  readonly service: string;
  readonly level: LogLevel;
  /** Where lines go; stdout if absent. */
  readonly output?: DestinationStream;
}

const STDOUT = 1;

/** Makes the process's logger. A line that is written within a trace (`inTrace`) has its id as `trace`. */
export function createLogger({ service, level, output }: LoggerOptions): Logger {
  const options = {
    level,
    base: { service },
    timestamp: stdTimeFunctions.isoTime,
    messageKey: "message",
    formatters: { level: (label: string) => ({ level: label }) },
  };
  // Synchronous: what a dying process said last is what one needs most, and a line per change is a light load.
  return portOf(pino(options, output ?? destination({ dest: STDOUT, sync: true })));
}

function portOf(logger: PinoLogger): Logger {
  const write =
    (level: LogLevel) =>
    (fields: LogFields, message: string): void => {
      if (!logger.isLevelEnabled(level)) return;
      const running = currentTrace();
      const traced = running === undefined ? fields : { trace: running.traceId, ...fields };
      logger[level](sanitiseFields(traced), sanitiseText(message));
    };
  return {
    debug: write("debug"),
    info: write("info"),
    warn: write("warn"),
    error: write("error"),
    child: (bindings) => portOf(logger.child(sanitiseFields(bindings))),
  };
}
