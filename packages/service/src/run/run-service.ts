// Owns: a process's life, from the command line to the exit code: starting → running → stopping → ended.
// Invariants: RUN-1 the probes answer before anything is waited for · RUN-2 a server that is away never ends the
// process · RUN-3 a stop ends within STOP_LIMIT_MS, whatever hangs · RUN-4 what nobody caught ends the process: the
// state behind it is unknown, and everything is safe to start again (P1).
import { KeyferryError, toKeyferryError } from "@keyferry/errors";
import { type Logger, systemClock, systemRandom } from "@keyferry/ports";
import { formatListenAddress } from "../config/fields.ts";
import { type LoadedConfig, loadConfig } from "../config/load.ts";
import type { ServiceSection } from "../config/resolve.ts";
import { type HealthServer, startHealthServer } from "../health/health-server.ts";
import { ReadinessBoard } from "../health/readiness.ts";
import { createLogger } from "../log/logger.ts";
import { createMetrics } from "../metrics/metrics.ts";
import { exportSpans } from "../traces/export-spans.ts";
import { VERSION } from "../version.ts";
import { Closers } from "./closers.ts";
import { helpText, parseCommandLine } from "./command-line.ts";
import type { ServiceDefinition } from "./context.ts";
import { READY_FILE_VARIABLE, ReadyFile } from "./ready-file.ts";

// Kubernetes kills 30 s after SIGTERM: what is still open then should be told in the log before.
const STOP_LIMIT_MS = 25_000;
// A process whose work has ended runs out by itself; this ends it where a library left a socket or a timer behind.
const EXIT_LIMIT_MS = 2_000;

const EXIT_FAILED = 1;
const EXIT_CONFIG = 2;

/**
 * The whole `main` of a service. Resolves when the process has ended its work; `process.exitCode` says how:
 * 0 stopped as asked, 1 failed, 2 the configuration or the command line is wrong.
 */
export async function runService<S extends ServiceSection>(definition: ServiceDefinition<S>): Promise<void> {
  const command = parseCommandLine(process.argv.slice(2), process.env);
  switch (command.kind) {
    case "help":
      process.stdout.write(helpText(definition.name));
      return;
    case "version":
      process.stdout.write(`${definition.name} ${VERSION}\n`);
      return;
    case "wrong":
      process.stderr.write(`${definition.name}: ${command.problem}\n\n${helpText(definition.name)}`);
      process.exitCode = EXIT_CONFIG;
      return;
    case "run":
      process.exitCode = await runWithConfig(definition, command.configFile);
  }
}

async function runWithConfig<S extends ServiceSection>(
  definition: ServiceDefinition<S>,
  file: string,
): Promise<number> {
  let loaded: LoadedConfig<S>;
  try {
    loaded = await loadConfig(definition.section, { file, environment: process.env });
  } catch (thrown) {
    // For a person at a terminal, hence not a log line.
    process.stderr.write(`${definition.name}: ${toKeyferryError(thrown).message}\n`);
    return EXIT_CONFIG;
  }
  const logger = createLogger({ service: definition.name, level: loaded.config.log.level });
  endOnUncaught(logger);
  const stop = stopOnSignals(logger);
  const closers = new Closers();
  const failure = await live(definition, loaded, { logger, closers, signal: stop.signal });
  stop.begin();
  const { failed } = await closers.closeAll(logger);
  stop.done();
  logger.info({ closedWithFailures: failed }, "stopped");
  setTimeout(() => process.exit(), EXIT_LIMIT_MS).unref();
  return failure === undefined && failed === 0 ? 0 : EXIT_FAILED;
}

interface Life {
  readonly logger: Logger;
  readonly closers: Closers;
  readonly signal: AbortSignal;
}

/** Starts the service and waits until it is to stop; the failure that ended it, if one did. */
async function live<S extends ServiceSection>(
  definition: ServiceDefinition<S>,
  loaded: LoadedConfig<S>,
  life: Life,
): Promise<KeyferryError | undefined> {
  const { logger, signal } = life;
  try {
    await startParts(definition, loaded, life);
    logger.info({ version: VERSION }, "started");
    await aborted(signal);
    return undefined;
  } catch (thrown) {
    if (signal.aborted) return undefined; // the start was waiting for something when the stop came
    const failure = toKeyferryError(thrown);
    logger.error({ error: failure }, `failed to start: ${failure.message}`);
    return failure;
  }
}

async function startParts<S extends ServiceSection>(
  definition: ServiceDefinition<S>,
  { listen, config, secrets, rereadSecrets }: LoadedConfig<S>,
  { logger, closers, signal }: Life,
): Promise<void> {
  const { otlpEndpoint, samplePercent } = config.traces;
  if (otlpEndpoint !== undefined) {
    const flush = exportSpans({
      endpoint: otlpEndpoint,
      samplePercent,
      service: definition.name,
      version: VERSION,
    });
    closers.add("traces", flush);
  }
  const metrics = createMetrics({ service: definition.name, version: VERSION, processFigures: true });
  const readiness = new ReadinessBoard();
  readiness.addCheck("start", () => ({ kind: "waiting", why: "the service is starting" }));
  readiness.addCheck("stop", () =>
    signal.aborted ? { kind: "waiting", why: "the service is stopping" } : { kind: "ready" },
  );
  const health: HealthServer = await startHealthServer({
    listen,
    key: `${definition.section}.listen`,
    readiness,
    metrics,
  });
  closers.add("health", () => health.close());
  const readyFile = new ReadyFile(process.env[READY_FILE_VARIABLE]);
  const announce = async (facts: Readonly<Record<string, string>>): Promise<void> => {
    logger.info(facts, "listening");
    await readyFile.announce(facts);
  };
  await announce({ listen: formatListenAddress(health.listen) });
  await definition.start({
    config,
    secrets,
    rereadSecrets,
    logger,
    metrics,
    clock: systemClock,
    random: systemRandom,
    signal,
    addReadinessCheck: (name, check) => readiness.addCheck(name, check),
    onShutdown: (name, close) => closers.add(name, close),
    announce,
  });
  readiness.removeCheck("start");
}

/** Turns SIGTERM and SIGINT into an aborted signal, and hastens the end where the first one is not enough. */
function stopOnSignals(logger: Logger): { signal: AbortSignal; begin: () => void; done: () => void } {
  const controller = new AbortController();
  let limit: NodeJS.Timeout | undefined;
  const begin = (): void => {
    if (controller.signal.aborted) return;
    controller.abort(new KeyferryError("operation-aborted", "The service is stopping"));
    // Not unref'd: a close that hangs without a socket or a timer has to end in this exit code too.
    limit = setTimeout(() => {
      logger.error({ limitMs: STOP_LIMIT_MS }, "did not stop in time");
      process.exit(EXIT_FAILED);
    }, STOP_LIMIT_MS);
  };
  const onSignal = (signal: NodeJS.Signals): void => {
    if (controller.signal.aborted) {
      logger.warn({ signal }, "second signal: ended at once");
      process.exit(EXIT_FAILED);
    }
    logger.info({ signal }, "stopping");
    begin();
  };
  process.on("SIGTERM", onSignal);
  process.on("SIGINT", onSignal);
  return { signal: controller.signal, begin, done: () => clearTimeout(limit) };
}

function endOnUncaught(logger: Logger): void {
  const end = (origin: string) => (thrown: unknown) => {
    logger.error({ origin, error: toKeyferryError(thrown) }, "nobody caught this: the process ends");
    process.exit(EXIT_FAILED);
  };
  process.on("uncaughtException", end("uncaughtException"));
  process.on("unhandledRejection", end("unhandledRejection"));
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
