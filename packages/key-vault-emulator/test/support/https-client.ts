// Owns: bare https to the vault under test: what the SDK cannot be made to send.
import { Agent, request } from "node:https";

export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  /** The body as JSON; an empty object where it is none. */
  readonly json: Readonly<Record<string, unknown>>;
}

export interface RawRequest {
  readonly method: string;
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** An agent that finds every host at 127.0.0.1 and trusts one authority; `servername` stands in for the host in TLS. */
export function loopbackAgent(caPem: string, servername?: string): Agent {
  return new Agent({
    keepAlive: true,
    ca: caPem,
    ...(servername === undefined ? {} : { servername }),
    lookup: (_host, options, done) => {
      if (options.all === true) done(null, [{ address: "127.0.0.1", family: 4 }]);
      else done(null, "127.0.0.1", 4);
    },
  });
}

/** Sends one request as it is. Rejects where the connection breaks. */
export function sendRaw(agent: Agent, wish: RawRequest): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const headers = { ...wish.headers };
    const sent = request(wish.url, { method: wish.method, agent, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.once("error", reject);
      response.once("end", () => {
        const text = Buffer.concat(chunks).toString("utf8");
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json: toJson(text) });
      });
    });
    sent.once("error", reject);
    sent.end(wish.body);
  });
}

function toJson(text: string): Readonly<Record<string, unknown>> {
  try {
    const json: unknown = JSON.parse(text);
    return typeof json === "object" && json !== null ? (json as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
