// In place of @nats-io/transport-node: a connection to the world's JetStream model, of the process that runs.
// What is not here is the real package's.
import type * as Real from "@nats-io/transport-node";
import { runningProcess, world } from "../world.ts";
import { isMatch } from "../servers/messages.ts";
import type { SimulatedProcess } from "../time/process.ts";

export { createInbox, credsAuthenticator, headers } from "@nats-io/transport-node";

const REACH_MS = 500;

/** What a swapped client needs to know of its connection. */
export interface SimulatedConnection {
  readonly process: SimulatedProcess;
}

export async function connect(): Promise<Real.NatsConnection> {
  const process = runningProcess();
  const { network } = world();
  await network.call(process, {
    server: "nats",
    effect: () => undefined,
    noAnswer: () => new Error("CONNECTION_REFUSED"),
    patienceMs: 5_000,
  });
  return new Connection(process) as unknown as Real.NatsConnection;
}

class Connection implements SimulatedConnection {
  readonly process: SimulatedProcess;
  readonly info = { version: "2.15.0" };
  readonly #closers: (() => void)[] = [];

  constructor(process: SimulatedProcess) {
    this.process = process;
  }

  publish(subject: string, data: Uint8Array | string, options?: { reply?: string }): void {
    const { network, nats, scheduler } = world();
    if (!network.isReachable("nats", this.process)) return;
    const bytes = typeof data === "string" ? Buffer.from(data) : data;
    scheduler.after(network.latency("nats"), undefined, () => {
      // At most once: core NATS loses what nobody can take.
      if (network.routes.nats.isAway || network.chanceOfLoss("nats")) return;
      for (const subscription of nats.subscriptions) {
        if (isMatch(subscription.subject, subject)) subscription.deliver(bytes, options?.reply);
      }
    });
  }

  subscribe(
    subject: string,
    { callback }: { callback: (error: Error | null, message: object) => void },
  ): { unsubscribe: () => void } {
    const { nats, scheduler, network } = world();
    const { process } = this;
    const subscription = {
      process,
      subject,
      deliver: (data: Uint8Array, reply?: string) => {
        if (!network.isReachable("nats", process)) return;
        const message = {
          data,
          reply,
          respond: (answer: Uint8Array) =>
            reply === undefined ? false : (this.publish(reply, answer), true),
        };
        const copies = network.copies();
        for (let copy = 0; copy < copies; copy += 1) {
          scheduler.after(network.latency("nats"), process, () => callback(null, message));
        }
      },
    };
    nats.subscriptions.add(subscription);
    return { unsubscribe: () => nats.subscriptions.delete(subscription) };
  }

  // Polled: an outage shows as a disconnect and, when it is over, as a reconnect.
  async *status(): AsyncGenerator<{ type: string }> {
    const { network, scheduler } = world();
    const { process } = this;
    let isUp = true;
    const closed = new AbortController();
    this.#closers.push(() => closed.abort());
    while (!closed.signal.aborted) {
      await new Promise<void>((resolve) => {
        scheduler.after(network.nextChangeMs("nats", process, REACH_MS), process, resolve);
      });
      const isReachable = network.isReachable("nats", process);
      if (isReachable === isUp) continue;
      isUp = isReachable;
      yield { type: isReachable ? "reconnect" : "disconnect" };
    }
  }

  async drain(): Promise<void> {
    for (const close of this.#closers) close();
  }

  async close(): Promise<void> {
    await this.drain();
  }
}
