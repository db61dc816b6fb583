// Owns: the receiving end of OpenBao's audit device "http": one POST per entry, no retry, no time-out of the device's own,
// made twice for each call to the source while its client waits (reference 2.4). Invariants: every POST is answered 204
// as soon as its body is in, before it is looked at; what is too long or comes too fast is dropped, and "sweep needed".
import { createServer, type IncomingMessage, type Server } from "node:http";
import { formatListenAddress, type ListenAddress, listenOn } from "@keyferry/service";
import { AUDIT_LINE_CHARACTERS_MAX } from "@keyferry/vault-client";
import { LineHints, type LineHintsParts } from "./line-hints.ts";
import { LineQueue } from "./line-queue.ts";

export interface AuditHttpParts extends Omit<LineHintsParts, "channel"> {
  readonly listen: ListenAddress;
  /** The configuration key of `listen`, for messages. */
  readonly key: string;
}

export interface AuditHttp {
  /** `host:port`, as it really is. */
  readonly address: string;
  close(): Promise<void>;
}

const CONNECTIONS_MAX = 256; // the source opens one per entry in flight; more clients than that wait at the source itself
const REQUEST_MS_MAX = 10_000; // an entry is one small write; who takes longer is not the source

/** Listens. Throws `listen-address-taken` or `config-invalid`, naming the key to change. */
export async function openAuditHttp(parts: AuditHttpParts): Promise<AuditHttp> {
  const lines = new LineHints({ ...parts, channel: "audit-http" });
  const queue = new LineQueue({
    onLine: (line) => lines.take(line),
    onOverflow: () => lines.gap("overflow"),
  });
  const server = createServer({ requestTimeout: REQUEST_MS_MAX }, (request, response) => {
    if (request.method !== "POST") {
      response.writeHead(405, { allow: "POST" }).end();
      request.resume();
      return;
    }
    readEntry(request, (entry) => {
      response.writeHead(204).end();
      if (entry === undefined) return lines.gap("line-too-long");
      for (const line of entry.split("\n")) if (line !== "") queue.push(line);
    });
    request.on("error", () => lines.gap("disconnected"));
  });
  server.maxConnections = CONNECTIONS_MAX;
  const listen = await listenOn(server, parts.listen, parts.key);
  return { address: formatListenAddress(listen), close: () => close(server, queue) };
}

/** Reads to the end whatever the size, as the device takes a broken connection for a failure. */
function readEntry(request: IncomingMessage, done: (entry: string | undefined) => void): void {
  let chunks: Buffer[] = [];
  let sizeBytes = 0;
  request.on("data", (chunk: Buffer) => {
    sizeBytes += chunk.length;
    if (sizeBytes > AUDIT_LINE_CHARACTERS_MAX) chunks = [];
    else chunks.push(chunk);
  });
  request.on("end", () =>
    done(sizeBytes > AUDIT_LINE_CHARACTERS_MAX ? undefined : Buffer.concat(chunks).toString("utf8")),
  );
}

async function close(server: Server, queue: LineQueue): Promise<void> {
  queue.close();
  const { promise, resolve } = Promise.withResolvers<undefined>();
  server.close(() => resolve(undefined));
  server.closeAllConnections();
  await promise;
}
