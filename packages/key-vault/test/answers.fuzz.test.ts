// Whatever a vault answers, each method ends in one of its own kinds or in one of Keyferry's errors, which holds nothing of
// what was sent; a write that was answered with rubbish is never told as a failure that changed nothing (P4). 300 answers as
// a rule; KF_FUZZ_RUNS=20000 KF_PROP_SEED=7 for more, or others.
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, request, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { KeyferryError } from "@keyferry/errors";
import { SecretValue } from "@keyferry/ports";
import * as fc from "fast-check";
import { generate } from "selfsigned";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { KeyVault } from "../src/index.ts";
import { AUTHORITY_NAME, call, startWorld, VAULT, type World } from "./world.ts";

const RUNS = Number(process.env["KF_FUZZ_RUNS"] ?? 300);
const SEED = Number(process.env["KF_PROP_SEED"] ?? 20_261_124);
const VALUE = "s3cr3t-value-of-the-fuzz";
const VERSION = "0".repeat(32);

interface Reply {
  readonly status: number;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

let world: World;
let server: Server;
let vault: KeyVault;
let next: Reply = { status: 200, body: "", headers: {} };

beforeAll(async () => {
  world = await startWorld();
  const names = [`${VAULT}.vault.azure.net`, AUTHORITY_NAME, "login.windows.net"];
  const made = await generate([{ name: "commonName", value: VAULT }], {
    keyType: "ec",
    algorithm: "sha256",
    extensions: [{ name: "subjectAltName", altNames: names.map((value) => ({ type: 2 as const, value })) }],
  });
  server = createServer({ key: made.private, cert: made.cert }, (asked, answer) => {
    asked.resume();
    // The handshake and the tokens are the emulator's, so that every rubbish answer is one to a call with a token.
    if (asked.headers.authorization === undefined) return relay(asked, answer);
    asked.once("end", () => {
      answer.writeHead(next.status, { "content-type": "application/json", ...next.headers });
      answer.end(asked.method === "HEAD" ? "" : next.body);
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  vault = world.connect({ ca: made.cert, emulator: { address: `127.0.0.1:${port}` } });
});

afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => void server.close(resolve));
  await world[Symbol.asyncDispose]();
});

function relay(asked: IncomingMessage, answer: ServerResponse): void {
  const { host = "" } = asked.headers;
  const sent = request(
    {
      host: "127.0.0.1",
      port: world.emulator.port,
      servername: host.split(":")[0],
      ca: world.emulator.caPem,
      method: asked.method,
      path: asked.url,
      headers: asked.headers,
    },
    (given) => {
      answer.writeHead(given.statusCode ?? 500, given.headers);
      given.pipe(answer);
    },
  );
  sent.once("error", () => answer.destroy());
  asked.pipe(sent);
}

const id = fc.oneof(
  fc.constantFrom(
    `https://${VAULT}.vault.azure.net/secrets/a/${VERSION}`,
    `https://${VAULT}.vault.azure.net/secrets/a`,
    "https://elsewhere.example/secrets/a/b",
    "",
    "not a url",
    "https://[",
  ),
  fc.string({ maxLength: 40 }),
);
const attributes = fc.dictionary(
  fc.constantFrom("enabled", "created", "updated", "exp", "nbf", "recoveryLevel"),
  fc.oneof(fc.constantFrom<unknown>(true, null, "x", 1e300, -1, {}), fc.double({ noNaN: true })),
);
const bundle = fc.record(
  {
    id,
    value: fc.oneof(fc.string({ maxLength: 20 }), fc.constant(null)),
    attributes: fc.oneof(attributes, fc.constant(null), fc.constant("x")),
    tags: fc.oneof(
      fc.dictionary(fc.string({ maxLength: 8 }), fc.jsonValue({ maxDepth: 1 })),
      fc.constant(null),
    ),
    contentType: fc.jsonValue({ maxDepth: 0 }),
    recoveryId: id,
    managed: fc.jsonValue({ maxDepth: 0 }),
  },
  { requiredKeys: [] },
);
const page = fc.record(
  {
    value: fc.oneof(
      fc.array(fc.oneof(bundle, fc.jsonValue({ maxDepth: 1 })), { maxLength: 3 }),
      fc.jsonValue(),
    ),
    nextLink: fc.oneof(
      fc.constantFrom<unknown>(null, "", 7, "https://elsewhere.example/secrets"),
      fc.string({ maxLength: 20 }),
    ),
  },
  { requiredKeys: [] },
);
const failure = fc.record(
  {
    error: fc.oneof(
      fc.record(
        {
          code: fc.jsonValue({ maxDepth: 0 }),
          message: fc.string(),
          innererror: fc.jsonValue({ maxDepth: 2 }),
        },
        { requiredKeys: [] },
      ),
      fc.jsonValue({ maxDepth: 1 }),
    ),
  },
  { requiredKeys: [] },
);
const reply: fc.Arbitrary<Reply> = fc.record({
  status: fc.oneof(
    fc.constantFrom(200, 201, 204, 400, 401, 403, 404, 409, 429, 500, 503),
    fc.integer({ min: 200, max: 599 }).filter((status) => status !== 304),
  ),
  body: fc.oneof(
    bundle.map((one) => JSON.stringify(one)),
    page.map((one) => JSON.stringify(one)),
    failure.map((one) => JSON.stringify(one)),
    fc.json({ maxDepth: 2 }),
    fc.constantFrom("", "{", "null", "<html>", '{"__proto__":{}}', "[".repeat(10_000)),
    fc.string({ maxLength: 100 }),
  ),
  headers: fc.constantFrom<Readonly<Record<string, string>>>(
    {},
    { "retry-after": "soon" },
    { "retry-after": "1" },
    { "content-type": "text/html" },
    { "www-authenticate": "Bearer" },
    {
      "www-authenticate":
        'Bearer authorization="https://elsewhere.example/x", resource="https://elsewhere.example"',
    },
    { location: "https://elsewhere.example/" },
  ),
});

const READS = ["versions", "deleted", "list"] as const;
const WRITES = ["put", "patch", "delete", "recover"] as const;

async function run(method: (typeof READS)[number] | (typeof WRITES)[number]): Promise<unknown> {
  const limited = { signal: AbortSignal.timeout(20_000) };
  switch (method) {
    case "put":
      return await vault.put("a", { value: new SecretValue(VALUE), tags: {} }, limited);
    case "patch":
      return await vault.patch("a", VERSION, { tags: {} }, limited);
    case "delete":
      return await vault.delete("a", limited);
    case "recover":
      return await vault.recover("a", limited);
    case "versions":
      return await vault.versions("a", { ...limited, pagesMax: 2 });
    case "deleted":
      return await vault.deleted("a", limited);
    case "list": {
      for await (const found of vault.list(limited)) return { kind: "page", found };
      return { kind: "empty" };
    }
  }
}

/** What is wrong with how an answer was taken; undefined: nothing. */
async function faultOf(
  given: Reply,
  method: (typeof READS)[number] | (typeof WRITES)[number],
): Promise<string | undefined> {
  next = given;
  try {
    const result = await run(method);
    if (typeof result !== "object") return "a result of no kind";
    return JSON.stringify(result).includes(VALUE) ? "the value is in the result" : undefined;
  } catch (error) {
    if (!(error instanceof KeyferryError)) return `not an error of ours: ${String(error)}`;
    if (`${JSON.stringify(error.report())} ${error.stack}`.includes(VALUE))
      return "the value is in the error";
    const isWrite = (WRITES as readonly string[]).includes(method);
    // After 2xx it has happened, or nobody knows.
    if (isWrite && given.status < 300 && error.code !== "answer-lost") return `told as ${error.code}`;
    return undefined;
  }
}

test("rubbish from a vault is a typed result or a typed error, and no value is in it", async () => {
  await vault.prime(call());
  await fc.assert(
    fc.asyncProperty(reply, fc.constantFrom(...READS, ...WRITES), async (given, method) => {
      expect(await faultOf(given, method)).toBeUndefined();
    }),
    { seed: SEED, numRuns: RUNS, interruptAfterTimeLimit: 10 * 60_000 },
  );
}, 660_000);
