// In place of @nats-io/transport-node: a connection to the world's JetStream model, of the process that runs.
// What is not here is the real package's.
import type * as Real from "@nats-io/transport-node";
import { runningProcess, world } from "../world.ts";
import { isMatch } from "../servers/messages.ts";
import type { SimulatedProcess } from "../time/process.ts";
import { Inbox, openPull, PULL_SUBJECT } from "./nats-pulls.ts";

export { createInbox, credsAuthenticator, headers, nanos } from "@nats-io/transport-node";

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

interface Subscribed {
  readonly unsubscribe: () => void;
  /** Resolves when what the server had sent before has arrived. */
  readonly drain: () => Promise<void>;
}

class Connection implements SimulatedConnection {
  readonly process: SimulatedProcess;
  readonly info = { version: "2.15.0" };
  readonly #closers: (() => void)[] = [];
  readonly #inboxes = new Map<string, Inbox>();

  constructor(process: SimulatedProcess) {
    this.process = process;
  }

  publish(subject: string, data: Uint8Array | string, options?: { reply?: string }): void {
    const { network, nats, scheduler } = world();
    if (!network.isReachable("nats", this.process)) return;
    const bytes = typeof data === "string" ? Buffer.from(data) : data;
    if (subject.startsWith(PULL_SUBJECT)) return this.#pull(subject, bytes, options?.reply ?? "");
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
  ): Subscribed {
    const { nats, scheduler, network } = world();
    const { process } = this;
    const inboxName = subject.endsWith(".*") ? subject.slice(0, -2) : undefined;
    if (inboxName?.startsWith("_INBOX.")) return this.#listen(new Inbox(inboxName, process, callback));
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
    const unsubscribe = (): void => void nats.subscriptions.delete(subscription);
    return { unsubscribe, drain: async () => unsubscribe() };
  }

  #pull(subject: string, body: Uint8Array, reply: string): void {
    const { network, scheduler } = world();
    const inbox = this.#inboxes.get(reply.slice(0, reply.lastIndexOf(".")));
    scheduler.after(network.latency("nats"), undefined, () => {
      if (inbox === undefined || this.process.isDead || network.routes.nats.isAway) return;
      openPull(inbox, subject, Buffer.from(body).toString("utf8"), reply);
    });
  }

  #listen(inbox: Inbox): Subscribed {
    const { network, scheduler } = world();
    this.#inboxes.set(inbox.name, inbox);
    const leave = (then: () => void): void => {
      this.#inboxes.delete(inbox.name);
      if (!network.isReachable("nats", inbox.process)) return;
      scheduler.after(network.latency("nats"), undefined, () => {
        inbox.close();
        then();
      });
    };
    return {
      unsubscribe() {
        inbox.isHeard = false;
        leave(() => undefined);
      },
      drain: () => new Promise((resolve) => leave(() => inbox.whenQuiet(resolve))),
    };
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
