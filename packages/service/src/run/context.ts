// Owns: what a service is given to start with.
import type { Clock, Logger, Random } from "@keyferry/ports";
import type { ServiceSection } from "../config/resolve.ts";
import type { ServiceConfigs, ServiceSecrets } from "../config/services.ts";
import type { ReadinessCheck } from "../health/readiness.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { Close } from "./closers.ts";
import type { Announcement } from "./ready-file.ts";

export interface ServiceContext<S extends ServiceSection> {
  readonly config: ServiceConfigs[S];
  readonly secrets: ServiceSecrets[S];
  /** Reads the secrets' references again, for tokens that are rotated while the service runs. */
  readonly rereadSecrets: () => Promise<ServiceSecrets[S]>;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly random: Random;
  /** Aborted when the process is to stop, before anything is closed. */
  readonly signal: AbortSignal;
  /** Says what the service waits for: /readyz is 503 until every check is ready. Register before connecting. */
  readonly addReadinessCheck: (name: string, check: ReadinessCheck) => void;
  /** Closed on shutdown in reverse order. Register as soon as a thing is open, so that a half-done start is closed too. */
  readonly onShutdown: (name: string, close: Close) => void;
  /** Logs an address that was chosen at start, and writes it into the ready file beside `listen`. */
  readonly announce: (facts: Announcement) => Promise<void>;
}

export interface ServiceDefinition<S extends ServiceSection> {
  /** As in the logs and the metrics: "change-detector". */
  readonly name: string;
  /** The service's section of keyferry.yaml. */
  readonly section: S;
  /**
   * Wires the service and sets it going; returns when that is done, while the work goes on. It may wait as long as it
   * has to for servers that are away (readiness says so), and rejects when `signal` aborts. Any other rejection ends the
   * process with exit code 1.
   */
  readonly start: (context: ServiceContext<S>) => Promise<void>;
}
