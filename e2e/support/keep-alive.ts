// Owns: requests over one connection that stays open, with any method and a path that nobody has tidied.

import { Agent, request } from "node:http";
import type { OutgoingHttpHeaders, IncomingHttpHeaders } from "node:http";

const CALL_MS_MAX = 30_000;

export interface RawAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The client's port of the connection: the same one means the same connection. */
  readonly localPort: number | undefined;
}

export interface RawCall {
  readonly method: string;
  /** As it stands in the request line. */
  readonly path: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: string | Buffer;
}

export class KeepAlive implements Disposable {
  readonly #port: number;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });

  constructor(port: number) {
    this.#port = port;
  }

  async call({ method, path, headers = {}, body }: RawCall): Promise<RawAnswer> {
    return await new Promise((resolve, reject) => {
      const target = { host: "127.0.0.1", port: this.#port, agent: this.#agent, timeout: CALL_MS_MAX };
      const call = request({ ...target, method, path, headers }, (answer) => {
        const localPort = answer.socket.localPort;
        const chunks: Buffer[] = [];
        answer.on("data", (chunk: Buffer) => chunks.push(chunk));
        answer.once("error", reject);
        answer.once("end", () => {
          const text = Buffer.concat(chunks).toString("utf8");
          resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text, localPort });
        });
      });
      call.once("timeout", () => call.destroy(new Error(`${method} ${path}: no answer`)));
      call.once("error", reject);
      call.end(body);
    });
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}
