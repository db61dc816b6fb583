// A walk against servers that give less than they are asked for: no key is missed, none is shown twice.
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { SecretValue, silentLogger, systemClock } from "@keyferry/ports";
import { afterEach, expect, test } from "vitest";
import { createVaultClient, type VaultClient } from "../client.ts";

const METADATA = {
  created_time: "2026-11-24T07:00:00.1Z",
  current_version: 0,
  oldest_version: 0,
  versions: {},
  custom_metadata: null,
  max_versions: 0,
  cas_required: false,
  delete_version_after: "0s",
};
const KEYS = Array.from({ length: 1_000 }, (_, index) => `key-${String(index).padStart(5, "0")}`);

let server: Server | undefined;
let client: VaultClient | undefined;

afterEach(async () => {
  await client?.close();
  server?.closeAllConnections();
  server?.close();
});

function listed(): VaultClient {
  if (client === undefined) throw new Error("no client");
  return client;
}

/** A folder of keys; `give` says how many a request for so many gets, or that it is denied. */
async function limitsOf(
  give: (limit: number) => number | "denied",
  bytesEach = 0,
): Promise<{ keys: string[]; limits: number[] }> {
  const limits: number[] = [];
  server = createServer((request, response) => {
    const query = new URL(request.url ?? "", "http://x").searchParams;
    const limit = Number(query.get("limit"));
    limits.push(limit);
    const given = give(limit);
    if (given === "denied") return response.writeHead(403).end('{"errors":["permission denied"]}');
    const keys = KEYS.filter((key) => key > (query.get("after") ?? "")).slice(0, given);
    if (keys.length === 0) return response.writeHead(404).end('{"errors":[]}');
    const metadata = {
      ...METADATA,
      custom_metadata: bytesEach === 0 ? null : { note: "x".repeat(bytesEach) },
    };
    const data = { keys, key_info: Object.fromEntries(keys.map((key) => [key, metadata])) };
    return response.end(JSON.stringify({ data }));
  });
  const listening = server;
  await new Promise<void>((resolve) => listening.listen(0, "127.0.0.1", resolve));
  client = createVaultClient({
    address: `http://127.0.0.1:${(listening.address() as AddressInfo).port}`,
    token: new SecretValue("t"),
    clock: systemClock,
    logger: silentLogger,
  });
  const keys: string[] = [];
  for await (const page of client.walkMetadata({ namespace: "", mount: "kv" }, { limit: 50 })) {
    keys.push(...page.items.map(({ path }) => path));
  }
  return { keys, limits };
}

test("no step gives more than the first page's size, and what is of one answer says so", async () => {
  await limitsOf((limit) => limit);
  const pages = [];
  for await (const page of listed().walkMetadata({ namespace: "", mount: "kv" }, { limit: 50 })) {
    pages.push([page.items.length, page.continues]);
  }
  expect(pages.slice(0, 4)).toEqual([
    [50, false],
    [50, false],
    [50, true],
    [50, true],
  ]);
  expect(pages.every(([size]) => Number(size) <= 50)).toBe(true);
});

test("a walk can go on after each page that says so, and shows the rest and nothing twice", async () => {
  await limitsOf((limit) => limit);
  const at = { namespace: "", mount: "kv" };
  const shown: string[] = [];
  for await (const page of listed().walkMetadata(at, { limit: 50 })) {
    shown.push(...page.items.map(({ path }) => path));
    if (page.resume === undefined) continue;
    const rest: string[] = [];
    for await (const next of listed().walkMetadata(at, { limit: 400, from: page.resume })) {
      rest.push(...next.items.map(({ path }) => path));
    }
    expect([...shown, ...rest]).toEqual(KEYS);
  }
  expect(shown).toEqual(KEYS);
});

test("pages of a large folder grow, so that it takes few calls", async () => {
  const { keys, limits } = await limitsOf((limit) => limit);
  expect(keys).toEqual(KEYS);
  // The last one that gave keys was full enough for a server that holds back: once more, to be sure.
  expect(limits).toEqual([50, 400, 3_200, 20_000]);
});

test("a server that gives at most so many, without a word, is asked until nothing comes", async () => {
  expect((await limitsOf((limit) => Math.min(limit, 130))).keys).toEqual(KEYS);
});

test("a policy that refuses a larger page gets the first page's size from then on", async () => {
  const { keys, limits } = await limitsOf((limit) => (limit > 100 ? "denied" : limit));
  expect(keys).toEqual(KEYS);
  expect(limits.slice(0, 5)).toEqual([50, 400, 50, 50, 50]);
});

test("pages of large secrets stay small: they grow to a size, not to a number", async () => {
  const { keys, limits } = await limitsOf((limit) => limit, 80_000);
  expect(keys).toEqual(KEYS);
  expect(Math.max(...limits)).toBe(104);
});
