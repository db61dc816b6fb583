// Owns: hints that people and their programs bring by HTTP, where Vault's own channels can't be used. Invariant: a hint is
// only "look there": whoever may bring one can make the detector read, and learns nothing from the answer.
import { createHash, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { checkPath, type Hint } from "@keyferry/contracts";
import type { SecretValue } from "@keyferry/ports";
import { formatListenAddress, type ListenAddress, listenOn } from "@keyferry/service";
import { z } from "zod";
import type { HintChannel } from "../ports.ts";
import { lookAtAll, lookAtMount } from "./wide-hints.ts";

export interface ManualHttpParts {
  readonly listen: ListenAddress;
  /** The configuration key of `listen`, for messages. */
  readonly key: string;
  /** Of hints that name none; the source's own. */
  readonly namespace: string;
  /** What a caller has to send; absent: whoever reaches the address may. */
  readonly token: SecretValue | undefined;
  readonly hints: Pick<HintChannel, "publish">;
}

export interface ManualHttp {
  /** `host:port`, as it really is. */
  readonly address: string;
  close(): Promise<void>;
}

const HINTS_MAX = 1_000; // a request; more is a sweep of the mount
const BODY_BYTES_MAX = 1024 * 1024; // of so many, with the longest paths that people write
const REQUEST_MS_MAX = 10_000;
const CONNECTIONS_MAX = 64;

const hintSchema = z.strictObject({
  namespace: z.string().optional(),
  /** Absent, with no path either: look at everything. */
  mount: z.string().optional(),
  /** Absent: look at the whole mount. */
  path: z.string().optional(),
  /** The version that was written: a read that shows less is behind. */
  version: z.int().positive().optional(),
});
const bodySchema = z.union([
  hintSchema,
  z.strictObject({ hints: z.array(hintSchema).min(1).max(HINTS_MAX) }),
]);

type Answer = { readonly status: number; readonly error?: string; readonly accepted?: number };

/** Listens. Throws `listen-address-taken` or `config-invalid`, naming the key to change. */
export async function openManualHttp(parts: ManualHttpParts): Promise<ManualHttp> {
  const server = createServer({ requestTimeout: REQUEST_MS_MAX }, (request, response) => {
    void answer(parts, request)
      .catch((): Answer => ({ status: 400, error: "the request broke off" }))
      .then((given) => send(response, given));
  });
  server.maxConnections = CONNECTIONS_MAX;
  const listen = await listenOn(server, parts.listen, parts.key);
  return {
    address: formatListenAddress(listen),
    async close() {
      const { promise, resolve } = Promise.withResolvers<undefined>();
      server.close(() => resolve(undefined));
      server.closeAllConnections();
      await promise;
    },
  };
}

async function answer(parts: ManualHttpParts, request: IncomingMessage): Promise<Answer> {
  if (!isAllowed(parts.token, request))
    return { status: 401, error: "send Authorization: Bearer and the token" };
  if (request.method !== "POST") return { status: 405, error: "POST only" };
  const body = await readBody(request);
  if (body === undefined) return { status: 413, error: `more than ${BODY_BYTES_MAX} bytes` };
  const parsed = parse(body);
  if (!parsed.success) {
    return { status: 400, error: "send mount and path as JSON, or a list of them under hints" };
  }
  const wanted = "hints" in parsed.data ? parsed.data.hints : [parsed.data];
  const hints: Hint[] = [];
  for (const each of wanted) {
    const hint = hintOf(each, parts.namespace);
    if (typeof hint === "string") return { status: 400, error: hint };
    hints.push(hint);
  }
  for (const hint of hints) parts.hints.publish(hint);
  return { status: 202, accepted: hints.length };
}

/** A hint, or what is wrong with it. */
function hintOf(
  { namespace = "", mount, path, version }: z.infer<typeof hintSchema>,
  ownNamespace: string,
): Hint | string {
  if (mount === undefined) return path === undefined ? lookAtAll("manual") : "path without mount";
  const at = checkPath(mount, "mount");
  if (at.kind === "refused") return at.why;
  const absolute = namespace === "" ? ownNamespace : namespace.replace(/^\/+|\/+$/g, "");
  const where = { namespace: absolute, mount: at.path };
  if (path === undefined) return lookAtMount(where, "manual");
  const secret = checkPath(path, "secret_name");
  if (secret.kind === "refused") return secret.why;
  return {
    major: 1,
    ...where,
    path: secret.path,
    operation: "write",
    channel: "manual",
    ...(version === undefined ? {} : { minVersion: version }),
  };
}

/** By hashes of one length, so that the time it takes tells nothing of the token. */
function isAllowed(token: SecretValue | undefined, request: IncomingMessage): boolean {
  if (token === undefined) return true;
  const hash = (text: string): Buffer => createHash("sha256").update(text).digest();
  return timingSafeEqual(hash(request.headers.authorization ?? ""), hash(`Bearer ${token.reveal()}`));
}

function parse(body: string) {
  try {
    return bodySchema.safeParse(JSON.parse(body));
  } catch {
    return { success: false } as const; // not JSON
  }
}

async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length;
    if (sizeBytes > BODY_BYTES_MAX) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function send(response: ServerResponse, { status, ...body }: Answer): void {
  if (response.destroyed) return;
  const headers = { "content-type": "application/json", ...(status === 413 ? { connection: "close" } : {}) };
  response.writeHead(status, headers).end(JSON.stringify(body));
}
