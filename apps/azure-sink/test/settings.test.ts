// Settings in a secret's own custom metadata: what reaches Key Vault, and that metadata alone never makes a version.
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Pair, type SinkBench, startSinkBench } from "./support/sink-bench.ts";

let bench: SinkBench;

beforeAll(async () => {
  bench = await startSinkBench();
});

afterAll(async () => {
  await bench[Symbol.asyncDispose]();
});

const settings = (pair: Pair, custom: Readonly<Record<string, string>>): Promise<unknown> =>
  bench.api.expect("POST", `secret/metadata/${pair.path}`, { custom_metadata: custom });

/** As the vault lists it. */
async function listed(pair: Pair) {
  for await (const page of bench.keyVault(pair).list({ signal: AbortSignal.timeout(10_000) })) {
    const found = page.find(({ name }) => name === "app");
    if (found !== undefined) return found;
  }
  return undefined;
}

test("a secret's dates, content type and tags come with its first version", async () => {
  const pair = bench.pair();
  await bench.write(pair, { a: "1" });
  await settings(pair, {
    "keyferry.expires": "2030-01-31T12:00:00Z",
    "keyferry.not-before": "2020-01-31T12:00:00Z",
    "keyferry.content-type": "application/vnd.example+json",
    "keyferry.tag.team": "blue",
    owner: "is not ours to read",
  });
  const spec = { ...pair.destination.spec, customTags: { team: "red", zone: "a" } };
  expect((await bench.sync(pair, { spec })).outcome).toMatchObject({ kind: "synced" });
  expect(await listed(pair)).toMatchObject({
    enabled: true,
    expires: Date.UTC(2030, 0, 31, 12),
    notBefore: Date.UTC(2020, 0, 31, 12),
    contentType: "application/vnd.example+json",
    tags: { team: "blue", zone: "a" },
  });
});

test("without a setting a whole secret is JSON, and the single keys of one are text", async () => {
  const whole = bench.pair();
  await bench.write(whole, { a: "1" });
  await bench.sync(whole);
  expect(bench.secret(whole)?.versions.at(-1)?.contentType).toBe("application/json");
  const keys = bench.pair();
  await bench.write(keys, { a: "1" });
  const spec = {
    ...keys.destination.spec,
    granularity: "secret-key",
    nameTemplate: "{{ .SecretKey }}",
  } as const;
  await bench.sync(keys, { spec });
  expect(bench.secret(keys, "a")?.versions.at(-1)?.contentType).toBe("text/plain");
});

test("P4: a change of metadata alone is a patch, and other people's metadata is nothing at all", async () => {
  const pair = bench.pair();
  await bench.write(pair, { a: "1" });
  await bench.sync(pair);
  await settings(pair, { "keyferry.expires": "2030-01-31T12:00:00Z" });
  await bench.sync(pair);
  await settings(pair, { "keyferry.expires": "2031-01-31T12:00:00Z", "keyferry.tag.team": "blue" });
  await bench.sync(pair);
  expect(bench.writes(pair)).toBe(1);
  expect(await listed(pair)).toMatchObject({ expires: Date.UTC(2031, 0, 31, 12), tags: { team: "blue" } });
  const calls = bench.calls(pair);
  await settings(pair, {
    "keyferry.expires": "2031-01-31T12:00:00Z",
    "keyferry.tag.team": "blue",
    note: "for people",
  });
  expect((await bench.sync(pair)).outcome).toMatchObject({ kind: "synced", wrote: false });
  expect(bench.calls(pair)).toEqual(calls);
});

test("a date that is taken away takes a version with it, as a patch can't unset one", async () => {
  const pair = bench.pair();
  await bench.write(pair, { a: "1" });
  await settings(pair, { "keyferry.expires": "2030-01-31T12:00:00Z" });
  await bench.sync(pair);
  await settings(pair, {});
  await bench.sync(pair);
  expect(bench.writes(pair)).toBe(2);
  expect((await listed(pair))?.expires).toBeUndefined();
});

test("keyferry.enabled = false disables what is there, and true enables it, by a patch each", async () => {
  const pair = bench.pair();
  await bench.write(pair, { a: "1" });
  await bench.sync(pair);
  for (const enabled of [false, true]) {
    await settings(pair, { "keyferry.enabled": String(enabled) });
    await bench.sync(pair);
    expect((await listed(pair))?.enabled).toBe(enabled);
  }
  expect(bench.writes(pair)).toBe(1);
});

test.each([
  ["keyferry.expires", "2038-01-19T03:14:08Z"],
  ["keyferry.expires", "next year"],
  ["keyferry.expire", "2030-01-31T12:00:00Z"],
])(
  "%s = %s is refused by name before anything is written, and heals when it is corrected",
  async (key, value) => {
    const pair = bench.pair();
    await bench.write(pair, { a: "1" });
    await settings(pair, { [key]: value });
    const { outcome } = await bench.sync(pair);
    expect(outcome).toMatchObject({
      kind: "refused",
      error: { code: "settings-invalid", message: expect.stringContaining(key), details: { key } },
    });
    expect(bench.calls(pair)).toEqual({});
    await settings(pair, {});
    expect((await bench.sync(pair)).outcome).toMatchObject({ kind: "synced" });
  },
);

test("user-tags-displace-ours: a setting can't name a tag of ours, and ours stay whatever the tags", async () => {
  const pair = bench.pair();
  await bench.write(pair, { a: "1" });
  await settings(pair, { "keyferry.tag.Keyferry-Owner": "me" });
  expect((await bench.sync(pair)).outcome).toMatchObject({ kind: "refused" });
  const many = Object.fromEntries(Array.from({ length: 14 }, (_, index) => [`keyferry.tag.t${index}`, "x"]));
  await settings(pair, many);
  expect((await bench.sync(pair)).outcome).toMatchObject({
    kind: "refused",
    error: { code: "tags-invalid" },
  });
});
