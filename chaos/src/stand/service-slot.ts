// Owns: one of our services under a supervisor, as systemd or Kubernetes would be: what ends by itself is started again,
// and counted.

import { setTimeout as delay } from "node:timers/promises";
import { type Service, startService } from "@keyferry/testkit";
import type { TcpProxy } from "../wire/tcp-proxy.ts";

const WATCH_MS = 500;
const RESTART_MS = 1_000;

export interface Links {
  readonly nats: readonly TcpProxy[];
  readonly source: readonly TcpProxy[];
  readonly keyVault: readonly TcpProxy[];
}

export interface SlotFacts {
  /** E.g. `azure-sink-2`. */
  readonly name: string;
  readonly program: "change-detector" | "association-service" | "azure-sink";
  readonly configFile: string;
  readonly healthPort: number;
  readonly dir: string;
  readonly logFile: string;
  readonly links: Links;
}

export class ServiceSlot implements AsyncDisposable {
  readonly name: string;
  readonly program: SlotFacts["program"];
  readonly links: Links;
  readonly service: Service;
  /** How often it ended without a fault of ours. */
  crashes = 0;
  #isHeldDown = false;
  readonly #stop = new AbortController();
  readonly #watching: Promise<void>;

  constructor(facts: SlotFacts, service: Service) {
    this.name = facts.name;
    this.program = facts.program;
    this.links = facts.links;
    this.service = service;
    this.#watching = this.#watch();
  }

  /** SIGKILL, and it stays down until `bringUp`. */
  async kill(): Promise<void> {
    this.#isHeldDown = true;
    await this.service.kill();
  }

  /** SIGTERM, its own orderly end, and a new start. */
  async restart(): Promise<void> {
    this.#isHeldDown = true;
    try {
      await this.service.restart();
    } finally {
      this.#isHeldDown = false;
    }
  }

  /** Leaves it to the supervisor again. */
  bringUp(): void {
    this.#isHeldDown = false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isHeldDown = true;
    this.#stop.abort();
    await this.#watching;
    await this.service.stop();
  }

  async #watch(): Promise<void> {
    const { signal } = this.#stop;
    let wasHeldDown = false;
    while (!signal.aborted) {
      await delay(WATCH_MS, undefined, { signal }).catch(() => undefined);
      if (this.#isHeldDown) wasHeldDown = true;
      if (this.#isHeldDown || signal.aborted || this.service.pid !== undefined) continue;
      if (!wasHeldDown) this.crashes += 1;
      wasHeldDown = false;
      try {
        await this.service.start();
      } catch {
        // It ended before it was ready, or takes longer than the kit waits; the next round looks again.
        await delay(RESTART_MS, undefined, { signal }).catch(() => undefined);
      }
    }
  }
}

/** Starts the service and its supervisor. */
export async function startSlot(facts: SlotFacts): Promise<ServiceSlot> {
  const { configFile, healthPort, dir, logFile } = facts;
  const service = await startService(facts.program, {
    configFile,
    healthPort,
    dir,
    logFile,
    waitFor: "live",
  });
  return new ServiceSlot(facts, service);
}
