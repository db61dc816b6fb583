// Owns: the processes of the three services: their own start(), with a context whose every part is simulated. Killing,
// stopping and continuing them. Invariant: what a process had in memory dies with it.
import { fileURLToPath } from "node:url";
import type { Logger } from "@keyferry/ports";
import {
  loadAssociationConfig,
  loadDetectorConfig,
  loadSinkConfig,
  type Metrics,
  type ServiceContext,
  type ServiceSection,
} from "@keyferry/service";
import { start as startAssociation } from "../../../apps/association-service/src/service.ts";
import { start as startSink } from "../../../apps/azure-sink/src/service.ts";
import { start as startDetector } from "../../../apps/change-detector/src/service.ts";
import { clockOf } from "../swap/clock.ts";
import { SimulatedProcess } from "../time/process.ts";
import { world } from "../world.ts";

export type Role = `detector-${number}` | `resolver-${number}` | `sink-${number}`;

export const ROLES: readonly Role[] = [
  "detector-1",
  "detector-2",
  "resolver-1",
  "resolver-2",
  "sink-1",
  "sink-2",
  "sink-3",
];

const ORIGIN = { file: fileURLToPath(new URL("keyferry.yaml", import.meta.url)), environment: {} };
const CRASHED_RESTART_MS = 3_000;
const STOP_PATIENCE_MS = 10_000;

/** Read once: the files of the configuration are the only thing that is read from a disk. */
export const configs = {
  changeDetector: await loadDetectorConfig(ORIGIN),
  associationService: await loadAssociationConfig(ORIGIN),
  azureSink: await loadSinkConfig(ORIGIN),
};

export interface LaunchSettings {
  readonly sweepIntervalS: number;
  readonly settleIntervalS: number;
  readonly deletesPerHour: number;
  /** By role; how far its clock is from the world's, ms. */
  readonly skewMs: Readonly<Record<string, number>>;
}

interface Running {
  readonly process: SimulatedProcess;
  readonly abort: AbortController;
  readonly closers: (() => Promise<void> | void)[];
}

export class Processes {
  readonly #settings: LaunchSettings;
  readonly #running = new Map<Role, Running>();
  readonly #lives = new Map<Role, number>();
  isHalted = false;

  constructor(settings: LaunchSettings) {
    this.#settings = settings;
  }

  get(role: Role): SimulatedProcess | undefined {
    return this.#running.get(role)?.process;
  }

  start(role: Role): void {
    if (this.#running.has(role) || this.isHalted) return;
    const life = (this.#lives.get(role) ?? 0) + 1;
    this.#lives.set(role, life);
    const process = new SimulatedProcess(role, life);
    const running: Running = { process, abort: new AbortController(), closers: [] };
    this.#running.set(role, running);
    const { scheduler, history } = world();
    history.note(process.name, () => "starts");
    scheduler.after(0, process, () => {
      this.#run(role, running).catch((error: unknown) => {
        history.note(process.name, () => `ends: ${String(error)}`);
        this.kill(role);
        scheduler.after(CRASHED_RESTART_MS, undefined, () => this.start(role));
      });
    });
  }

  kill(role: Role): void {
    const running = this.#running.get(role);
    if (running === undefined) return;
    this.#running.delete(role);
    running.process.isDead = true;
    const { nats, apis, history } = world();
    apis.delete(running.process);
    for (const subscription of nats.subscriptions) {
      if (subscription.process === running.process) nats.subscriptions.delete(subscription);
    }
    for (const { consumers } of nats.streams.values()) {
      for (const consumer of consumers.values()) consumer.drop(running.process);
    }
    history.note(running.process.name, () => "is dead");
  }

  /** SIGSTOP: nothing of it runs; what comes meanwhile waits. */
  freeze(role: Role): void {
    const running = this.#running.get(role);
    if (running === undefined || running.process.isStopped) return;
    running.process.isStopped = true;
    world().history.note(running.process.name, () => "is stopped");
  }

  thaw(role: Role): void {
    const running = this.#running.get(role);
    if (running === undefined || !running.process.isStopped) return;
    const { process } = running;
    const { scheduler, history } = world();
    process.isStopped = false;
    history.note(process.name, () => "goes on");
    for (const run of process.takeParked()) scheduler.after(0, process, run);
  }

  /** SIGTERM. */
  stop(role: Role): void {
    const running = this.#running.get(role);
    if (running === undefined || running.process.isStopped) return;
    const { scheduler, history } = world();
    history.note(running.process.name, () => "is asked to stop");
    scheduler.after(0, running.process, () => {
      running.abort.abort(new DOMException("stopping", "AbortError"));
      const close = async (): Promise<void> => {
        for (const closer of running.closers.toReversed()) await closer();
      };
      close().then(
        () => this.#ended(role, running),
        () => this.#ended(role, running),
      );
    });
    scheduler.after(STOP_PATIENCE_MS, undefined, () => this.#ended(role, running));
  }

  #ended(role: Role, running: Running): void {
    if (this.#running.get(role) === running) this.kill(role);
  }

  async #run(role: Role, running: Running): Promise<void> {
    const { sweepIntervalS, settleIntervalS, deletesPerHour } = this.#settings;
    if (role.startsWith("detector")) {
      const { config, secrets } = configs.changeDetector;
      const changeDetector = {
        ...config.changeDetector,
        sweep: { ...config.changeDetector.sweep, intervalS: sweepIntervalS },
      };
      await startDetector(this.#context(role, running, { ...config, changeDetector }, secrets));
    } else if (role.startsWith("resolver")) {
      const { config, secrets } = configs.associationService;
      const associationService = {
        ...config.associationService,
        settle: { intervalS: settleIntervalS },
        deleteBudget: { ...config.associationService.deleteBudget, perHourMin: deletesPerHour },
      };
      await startAssociation(this.#context(role, running, { ...config, associationService }, secrets));
    } else {
      const { config, secrets } = configs.azureSink;
      await startSink(this.#context(role, running, config, secrets));
    }
    running.process.isReady = role.startsWith("sink");
    world().history.note(running.process.name, () => "is ready");
  }

  #context<S extends ServiceSection>(
    role: Role,
    { process, abort, closers }: Running,
    config: ServiceContext<S>["config"],
    secrets: ServiceContext<S>["secrets"],
  ): ServiceContext<S> {
    return {
      config,
      secrets,
      rereadSecrets: async () => secrets,
      logger: loggerOf(process),
      metrics: noMetrics,
      clock: clockOf(process, this.#settings.skewMs[role] ?? 0),
      random: world().random.split(process.name),
      signal: abort.signal,
      addReadinessCheck: () => undefined,
      onShutdown: (_name, close) => {
        closers.push(close);
      },
      announce: async () => undefined,
    };
  }
}

function loggerOf(process: SimulatedProcess): Logger {
  const { history } = world();
  const write = (level: string) => (fields: Readonly<Record<string, unknown>>, message: string) => {
    // As the real one writes it: a line of JSON.
    const text = `${message} ${JSON.stringify(fields)}`;
    history.inspect("log", () => text);
    if (level !== "debug") history.note(process.name, () => text);
  };
  const logger: Logger = {
    debug: write("debug"),
    info: write("info"),
    warn: write("warn"),
    error: write("error"),
    child: () => logger,
  };
  return logger;
}

const noMetrics: Metrics = {
  counter: () => ({ add: () => undefined }),
  gauge: () => ({ set: () => undefined, remove: () => undefined }),
  histogram: () => ({ observe: () => undefined }),
  page: async () => ({ text: "", contentType: "text/plain" }),
};
