// Owns: a TCP proxy on loopback that stands between one process and one server, and can part them.
// Does not own: late delivery. What was under way when a silence ends is dropped with its connections: a request that
// lands after its sender gave up is the simulator's subject (hazard late-put-after-lock), where time can be bent.

import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";

/** `cut`: connections are reset and refused. `silent`: they stay open and nothing passes. */
export type ProxyMode = "open" | "cut" | "silent";

export class TcpProxy implements AsyncDisposable {
  readonly port: number;
  readonly #server: Server;
  readonly #pairs: Set<readonly [Socket, Socket]>;
  readonly #state: { mode: ProxyMode };

  constructor(server: Server, pairs: Set<readonly [Socket, Socket]>, state: { mode: ProxyMode }) {
    this.#server = server;
    this.#pairs = pairs;
    this.#state = state;
    this.port = (server.address() as AddressInfo).port;
  }

  /** Parts both sides, or joins them again. */
  set(mode: ProxyMode): void {
    const before = this.#state.mode;
    this.#state.mode = mode;
    if (mode === "silent") {
      for (const pair of this.#pairs) {
        for (const socket of pair) {
          socket.unpipe();
          socket.pause();
        }
      }
    } else if (mode === "cut" || before === "silent") {
      this.#dropAll();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#dropAll();
    this.#server.close();
    await once(this.#server, "close");
  }

  #dropAll(): void {
    for (const [near, far] of this.#pairs) {
      near.destroy();
      far.destroy();
    }
    this.#pairs.clear();
  }
}

/** Listens on a free loopback port and leads to `targetPort`. */
export async function startTcpProxy(targetPort: number): Promise<TcpProxy> {
  const pairs = new Set<readonly [Socket, Socket]>();
  const state: { mode: ProxyMode } = { mode: "open" };
  const server = createServer({ noDelay: true }, (near) => {
    if (state.mode === "cut") {
      near.on("error", () => undefined);
      near.resetAndDestroy();
      return;
    }
    const far = connect({ host: "127.0.0.1", port: targetPort, noDelay: true });
    const pair = [near, far] as const;
    pairs.add(pair);
    for (const [one, other] of [pair, [far, near] as const]) {
      // Who resets is the server's or the client's business; here it only ends the other side too.
      one.on("error", () => other.destroy());
      one.once("close", () => {
        pairs.delete(pair);
        other.destroy();
      });
      if (state.mode === "open") one.pipe(other);
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return new TcpProxy(server, pairs, state);
}
