// Owns: a server that stands behind a proxy in a test and tells what reached it. A plain Node server, whose parser
// refuses the method LIST: what it answers with 200 has been rewritten.

import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface Echo {
  readonly server: string;
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly bodyBytes: number;
}

export interface EchoServer extends AsyncDisposable {
  /** `127.0.0.1:PORT` */
  readonly address: string;
  /** Takes the next request instead of the echo. */
  answerNext(handle: (request: IncomingMessage, response: ServerResponse) => void): void;
}

export async function startEchoServer(name: string): Promise<EchoServer> {
  let special: ((request: IncomingMessage, response: ServerResponse) => void) | undefined;
  const server = createServer((request, response) => {
    const handle = special;
    special = undefined;
    if (handle === undefined) echo(name, request, response);
    else handle(request, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    answerNext(handle) {
      special = handle;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

function echo(name: string, request: IncomingMessage, response: ServerResponse): void {
  let bodyBytes = 0;
  request.on("data", (chunk: Buffer) => (bodyBytes += chunk.length));
  request.once("end", () => {
    const { method = "", url = "", headers } = request;
    const told: Echo = { server: name, method, url, headers, bodyBytes };
    response.setHeader("x-from-upstream", name);
    response.end(JSON.stringify(told));
  });
}
