// record-remember.lua: the copy of a record never goes back (P2), and what cannot be read counts as nothing.
import type { SyncRecord } from "@keyferry/contracts";
import { expect, test } from "vitest";
import { recordKey } from "../src/keys.ts";
import { startWorld } from "./world.ts";

const DESTINATION = "abcdefghijklmn";
const KEY = "abcdefghijklmnopqrstuvwxyz";

function recordNamed(wish: string): SyncRecord {
  return {
    major: 1,
    kind: "outcome",
    destination: DESTINATION,
    association: "nmlkjihgfedcba",
    secretKey: KEY,
    secret: { source: "main", namespace: "", mount: "secret", accessor: "kv_1", path: "app/db" },
    consumed: { epoch: 1_763_856_000_000, sequence: 5 },
    wish,
    names: {
      "app-db": {
        name: "App-Db",
        state: "live",
        intent: null,
        applied: {
          fence: { epoch: 1_763_856_000_000, sequence: 5 },
          incarnation: "2026-01-01T00:00:00Z",
          version: 3,
          keyVaultVersion: "0".repeat(32),
          digest: "k1.x",
          tagsDigest: "y",
          at: "2026-01-01T00:00:00Z",
        },
      },
    },
    outcome: { kind: "synced", version: 3, wrote: true },
    since: "2026-01-01T00:00:00Z",
    updatedAt: "2026-01-01T00:00:00Z",
  };
}

test("what was remembered comes back whole, and is dropped on demand", async () => {
  await using world = await startWorld();
  const { records } = world.state;
  expect(await records.get(DESTINATION, KEY)).toBeUndefined();
  const cached = { record: recordNamed("w"), sequence: Number.MAX_SAFE_INTEGER, epoch: 1_763_856_000_000 };
  expect(await records.remember(DESTINATION, KEY, cached)).toBe("stored");
  expect(await records.get(DESTINATION, KEY)).toEqual(cached);
  await records.forget(DESTINATION, KEY);
  expect(await records.get(DESTINATION, KEY)).toBeUndefined();
});

test.each([
  ["a higher sequence of the epoch", 7, 11, "stored"],
  ["the same sequence", 7, 10, "older"],
  ["a lower sequence", 7, 9, "older"],
  ["a later epoch with a lower sequence (redis-ahead-of-jetstream)", 8, 1, "stored"],
  ["an earlier epoch with a higher sequence", 6, 99, "older"],
] as const)("after (epoch 7, sequence 10), %s: %s", async (_what, epoch, sequence, expected) => {
  await using world = await startWorld();
  const { records } = world.state;
  await records.remember(DESTINATION, KEY, { record: recordNamed("first"), sequence: 10, epoch: 7 });
  const second = { record: recordNamed("second"), sequence, epoch };
  expect(await records.remember(DESTINATION, KEY, second)).toBe(expected);
  const wish = (await records.get(DESTINATION, KEY))?.record.wish;
  expect(wish).toBe(expected === "stored" ? "second" : "first");
});

test("sequences are compared as numbers up to the last bit", async () => {
  await using world = await startWorld();
  const { records } = world.state;
  const high = Number.MAX_SAFE_INTEGER - 1;
  await records.remember(DESTINATION, KEY, { record: recordNamed("a"), sequence: high, epoch: 7 });
  expect(
    await records.remember(DESTINATION, KEY, { record: recordNamed("b"), sequence: high, epoch: 7 }),
  ).toBe("older");
  expect(
    await records.remember(DESTINATION, KEY, { record: recordNamed("c"), sequence: high + 1, epoch: 7 }),
  ).toBe("stored");
  expect(await records.remember(DESTINATION, KEY, { record: recordNamed("d"), sequence: 9, epoch: 7 })).toBe(
    "older",
  );
});

test("of many who remember at once the newest stays", async () => {
  await using world = await startWorld();
  const { records } = world.state;
  const sequences = Array.from({ length: 50 }, (_, n) => ((n * 37) % 50) + 1);
  await Promise.all(
    sequences.map((sequence) =>
      records.remember(DESTINATION, KEY, { record: recordNamed(String(sequence)), sequence, epoch: 1 }),
    ),
  );
  expect((await records.get(DESTINATION, KEY))?.record.wish).toBe("50");
});

test("a record that is damaged or of another version is none, and is replaced by a newer one", async () => {
  await using world = await startWorld();
  const { records } = world.state;
  for (const text of ["{", JSON.stringify({ ...recordNamed("x"), major: 2 })]) {
    await world.raw.hset(recordKey(DESTINATION, KEY), { epoch: "1", sequence: "1", record: text });
    expect(await records.get(DESTINATION, KEY)).toBeUndefined();
  }
  const cached = { record: recordNamed("w"), sequence: 2, epoch: 1 };
  expect(await records.remember(DESTINATION, KEY, cached)).toBe("stored");
  expect((await records.get(DESTINATION, KEY))?.sequence).toBe(2);
});

test("what nobody touches goes by itself: Redis must not have to evict", async () => {
  await using world = await startWorld();
  const cached = { record: recordNamed("w"), sequence: 2, epoch: 1 };
  await world.state.records.remember(DESTINATION, KEY, cached);
  expect(await world.raw.pttl(recordKey(DESTINATION, KEY))).toBeGreaterThan(0);
});
