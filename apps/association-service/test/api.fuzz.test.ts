// Whatever is sent to the API of the running service, it answers in Vault's manner: never 500, never a stack, never not
// at all. 250 calls as a rule; KF_FUZZ_RUNS=20000 KF_PROP_SEED=7 for more, or others.
import { request } from "node:http";
import * as fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { CONNECTION, startWorld, type World } from "./support/world.ts";

const RUNS = Number(process.env["KF_FUZZ_RUNS"] ?? 250);
const SEED = Number(process.env["KF_PROP_SEED"] ?? 20_261_124);

let world: World;
beforeAll(async () => {
  world = await startWorld();
  await world.createDestination("fuzzed", CONNECTION);
  await world.write("app");
});
afterAll(() => world[Symbol.asyncDispose]());

const word = fc.constantFrom(
  "destinations",
  "associations",
  "azure-kv",
  "fuzzed",
  "set",
  "remove",
  "config",
  "rules",
  "status",
  "github",
  "",
  ".",
  "..",
  "__proto__",
  "constructor",
);
const segment = fc.oneof(
  { weight: 3, arbitrary: word },
  {
    weight: 1,
    arbitrary: fc.string({ maxLength: 60 }).map((text) => encodeURIComponent(text.toWellFormed())),
  },
  { weight: 1, arbitrary: fc.stringMatching(/^%[0-9a-fA-F]{0,2}[a-z]{0,3}$/) },
);
const known = fc.constantFrom(
  "sys/sync/destinations",
  "sys/sync/destinations/azure-kv/fuzzed",
  "sys/sync/destinations/azure-kv/other",
  "sys/sync/destinations/azure-kv/fuzzed/associations",
  "sys/sync/destinations/azure-kv/fuzzed/associations/set",
  "sys/sync/destinations/azure-kv/fuzzed/associations/remove",
  "sys/sync/associations",
  "sys/sync/config",
  "sys/sync/rules/one",
  "sys/activation-flags",
  "sys/activation-flags/secrets-sync/activate",
);
const path = fc.oneof(
  known,
  fc.array(segment, { maxLength: 6 }).map((segments) => `sys/sync/${segments.join("/")}`),
);
const query = fc.oneof(
  fc.constantFrom("", "?list=true", "?purge=true", "?list=1&list=2", "?force_delete=x", "?%"),
  fc.string({ maxLength: 40 }).map((text) => `?${encodeURIComponent(text.toWellFormed())}`),
);
const FIELDS = [
  "mount",
  "secret_name",
  "key_vault_uri",
  "tenant_id",
  "client_id",
  "client_secret",
  "granularity",
  "secret_name_template",
  "custom_tags",
  "disabled",
  "rate_group",
  "allowed_ipv4_addresses",
];
const field = fc.oneof(
  fc.constantFrom<unknown>(
    "secret",
    "app",
    "https://fuzz.vault.azure.net",
    "{{ .SecretPath }}",
    "{{",
    Number.MAX_VALUE,
    -0,
  ),
  fc.jsonValue({ maxDepth: 2 }),
);
const body = fc.oneof(
  fc
    .dictionary(fc.oneof(fc.constantFrom(...FIELDS), fc.string({ maxLength: 12 })), field, { maxKeys: 6 })
    .map((one) => JSON.stringify(one)),
  fc.json({ maxDepth: 3 }),
  fc.constantFrom("", "{", "null", '"', "[".repeat(5_000), '{"__proto__":{"mount":"secret"}}'),
  fc.string({ maxLength: 200 }),
);
const header = fc.constantFrom<Readonly<Record<string, string>>>(
  { "content-type": "application/json" },
  { "content-type": "application/merge-patch+json" },
  { "content-type": "text/plain" },
  { "x-vault-namespace": "team/a" },
  { "x-vault-namespace": "../.." },
  {},
);
const call = fc.record({
  method: fc.constantFrom("GET", "PUT", "POST", "PATCH", "DELETE", "HEAD", "OPTIONS"),
  path,
  query,
  body,
  headers: header,
});

type Call = typeof call extends fc.Arbitrary<infer One> ? One : never;

interface Raw {
  readonly status: number;
  readonly text: string;
}

function send(one: Call): Promise<Raw> {
  const { hostname, port } = new URL(world.service.api);
  const takesBody = one.method === "PUT" || one.method === "POST" || one.method === "PATCH";
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        hostname,
        port,
        method: one.method,
        path: `/v1/${one.path}${one.query}`,
        headers: { ...one.headers, "x-vault-token": world.bao.rootToken },
        timeout: 30_000,
      },
      (answer) => {
        let text = "";
        answer.on("data", (chunk: Buffer) => {
          text += chunk.toString("utf8");
        });
        answer.once("error", reject);
        answer.once("end", () => resolve({ status: answer.statusCode ?? 0, text }));
      },
    );
    sent.once("timeout", () => sent.destroy(new Error("no answer in 30 s")));
    sent.once("error", reject);
    if (takesBody) sent.end(one.body);
    else sent.end();
  });
}

test("any body at any path is answered, not with 500 and not with a stack", async () => {
  await fc.assert(
    fc.asyncProperty(call, async (one) => {
      const { status, text } = await send(one);
      expect(status).toBeGreaterThanOrEqual(200);
      expect(status).not.toBe(500);
      expect(text).not.toMatch(/\n\s+at \S+|node_modules|\.ts:\d+/u);
      const tells = status >= 400 && one.method !== "HEAD" && text !== "";
      expect(tells ? JSON.parse(text) : { errors: [] }).toHaveProperty("errors");
    }),
    { seed: SEED, numRuns: RUNS, interruptAfterTimeLimit: 10 * 60_000 },
  );
  // It still works.
  const answer = await world.call("GET", "sys/sync/destinations/azure-kv/fuzzed");
  expect([200, 404]).toContain(answer.status);
}, 660_000);
