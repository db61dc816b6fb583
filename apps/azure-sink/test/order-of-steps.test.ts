// The order of DESIGN section 7 under what can come between two steps: each test holds one step and moves the world.
import { newUid, ownerTags } from "@keyferry/naming";
import { systemRandom } from "@keyferry/ports";
import { eventually } from "@keyferry/testkit";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { SinkDependencies } from "../src/ports.ts";
import { type Pair, silentEvents, type SinkBench, startSinkBench } from "./support/sink-bench.ts";

let bench: SinkBench;

beforeAll(async () => {
  bench = await startSinkBench();
});

afterAll(async () => {
  await bench[Symbol.asyncDispose]();
});

const REMOVE = { op: "unsync", expect: null, permit: { by: "person" }, reason: "remove" } as const;

async function published(pair: Pair) {
  const command = await bench.command(pair);
  return { command, sequence: await bench.publish(command) };
}

/** One of Redis's parts with some of its methods replaced; the others go to the part itself, which has private fields. */
function over<T extends object>(part: T, members: Partial<T>): T {
  return new Proxy(part, {
    get(target, name) {
      if (Object.hasOwn(members, name)) return Reflect.get(members, name);
      const member: unknown = Reflect.get(target, name);
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
}

/** A source whose reads of values are seen, and may be answered otherwise. */
function watchedSource(instead: Partial<SinkDependencies["source"]> = {}) {
  const { source } = bench.dependencies();
  const reads: string[] = [];
  return {
    reads,
    source: {
      readMetadata: (...args: Parameters<typeof source.readMetadata>) => {
        reads.push("metadata");
        return source.readMetadata(...args);
      },
      readVersion: (...args: Parameters<typeof source.readVersion>) => {
        reads.push("value");
        return source.readVersion(...args);
      },
      ...instead,
    },
  };
}

test("value-behind-metadata: a value that can't be read though its metadata says live is never a delete or a value", async () => {
  const pair = bench.pair();
  await bench.write(pair, { a: "1" });
  await bench.sync(pair);
  await bench.write(pair, { a: "2" });
  const { command, sequence } = await published(pair);
  const { source } = watchedSource({ readVersion: async () => ({ kind: "absent" }) });
  expect(await bench.run(command, sequence, { deps: { source } })).toMatchObject({ kind: "again" });
  expect(bench.value(pair)).toBe('{"a":"1"}');
  expect(bench.writes(pair)).toBe(1);
  await bench.run(command, sequence);
  expect(bench.value(pair)).toBe('{"a":"2"}');
});

test("value-read-before-token: while a permit is waited for no value is held, and none is read", async () => {
  const pair = bench.pair();
  await bench.write(pair, { a: "1" });
  const { command, sequence } = await published(pair);
  const { source, reads } = watchedSource();
  const gate = Promise.withResolvers<void>();
  const { memory } = bench.dependencies();
  const waited = vi.fn();
  const pacing = over(memory.pacing, {
    acquire: async (...args) => {
      waited();
      await gate.promise;
      return memory.pacing.acquire(...args);
    },
  });
  const deps = { source, memory: { ...partsOf(memory), pacing } };
  const running = bench.run(command, sequence, { deps });
  await eventually(() => waited.mock.calls.length > 0, { what: "a wait for a permit" });
  expect(reads).toEqual(["metadata"]);
  gate.resolve();
  await running;
  expect(reads).toEqual(["metadata", "value"]);
});

const partsOf = ({ locks, records, later, attempts, pacing }: SinkDependencies["memory"]) => ({
  locks,
  records,
  later,
  attempts,
  pacing,
});

test("bulk-blocks-live-key: who waits for a permit does not hold the name", async () => {
  const pair = bench.pair();
  await bench.write(pair, { a: "0" });
  await bench.sync(pair);
  await bench.write(pair, { a: "1" });
  const { command, sequence } = await published(pair);
  const gate = Promise.withResolvers<void>();
  const { memory } = bench.dependencies();
  const taken: string[] = [];
  const locks = over(memory.locks, {
    take: (...args) => {
      taken.push("lock");
      return memory.locks.take(...args);
    },
  });
  const waited = vi.fn();
  const pacing = over(memory.pacing, {
    acquire: async (...args) => {
      waited();
      await gate.promise;
      return memory.pacing.acquire(...args);
    },
  });
  const running = bench.run(command, sequence, { deps: { memory: { ...partsOf(memory), locks, pacing } } });
  await eventually(() => waited.mock.calls.length > 0, { what: "a wait for a permit" });
  expect(taken).toEqual([]);
  // Somebody else, live, has the name in the meantime.
  await bench.write(pair, { a: "2" });
  await bench.sync(pair);
  expect(bench.value(pair)).toBe('{"a":"2"}');
  gate.resolve();
  await running;
  expect(bench.writes(pair)).toBe(2);
});

test("lost-answer-old-digest: with A, B, A the lost third write is known by its op id, not by its value", async () => {
  const pair = bench.pair();
  for (const a of ["A", "B"]) {
    await bench.write(pair, { a });
    await bench.sync(pair);
  }
  await bench.write(pair, { a: "A" });
  const { faults } = bench.servers.emulator;
  faults.add({ fault: { kind: "reset-before" }, operations: ["set"], vault: pair.vault, count: 1 });
  const lost = await bench.sync(pair);
  expect(lost.outcome).toMatchObject({ kind: "waiting" });
  // The first version holds the same value. It is not what was looked for.
  await bench.wakeUntil(lost, "synced");
  expect(bench.value(pair)).toBe('{"a":"A"}');
  expect(bench.writes(pair)).toBe(3);
}, 60_000);

test("twenty-thousand-versions: a look ends after its pages, and a name near Azure's limit is told of", async () => {
  const pair = bench.pair();
  const mark = {
    instanceId: "instanceaaaaa",
    vaultHost: `${pair.vault}.vault.azure.net`,
    lowerName: "app",
    association: pair.association,
    fence: { epoch: 1, sequence: 1 },
    opId: "op1",
    sourceVersion: 1,
    digest: "k1.d",
  };
  const tags = ownerTags(mark, bench.dependencies().identity.tagKeys);
  for (let count = 0; count < 51; count += 1) {
    await Promise.all(Array.from({ length: 10 }, () => bench.byHand(pair, "v", tags)));
  }
  await bench.write(pair, { a: "1" });
  const { command, sequence } = await published(pair);
  const manyVersions = vi.fn();
  await bench.run(command, sequence, { deps: { events: { ...silentEvents, manyVersions } } });
  expect((await bench.record(command)).outcome).toMatchObject({ kind: "synced" });
  // 20 pages of 25, of 510 versions.
  expect(manyVersions.mock.calls).toMatchObject([[{ versions: 500 }]]);
  expect(bench.calls(pair)["listVersions"]).toBeLessThanOrEqual(21);
}, 60_000);

test("patch-of-latest: a change of tags goes to our version, never to the one that a person has just made", async () => {
  const pair = bench.pair();
  await bench.write(pair, { a: "1" });
  await bench.sync(pair);
  bench.advance(2_000);
  await bench.byHand(pair, "theirs");
  const spec = { ...pair.destination.spec, customTags: { team: "blue" } };
  await bench.sync(pair, { spec });
  const [ours, theirs] = bench.secret(pair)?.versions ?? [];
  expect(ours?.tags).toMatchObject({ team: "blue" });
  expect(theirs?.tags).toEqual({});
  expect(bench.value(pair)).toBe("theirs");
});

test("secret-key-half-done: a crash between two names leaves nothing undone and nothing twice", async () => {
  const pair = bench.pair("{{ .SecretBaseName }}-{{ .SecretKey }}");
  const spec = { ...pair.destination.spec, granularity: "secret-key" as const };
  const permit = { by: "person" } as const;
  await bench.write(pair, { a: "1", b: "1", c: "1" });
  await bench.sync(pair, { spec });
  await bench.write(pair, { b: "2", c: "2", d: "2" });
  const command = await bench.command(pair, { spec, permit });
  const sequence = await bench.publish(command);
  // The second name's value is written, and then the sink is gone.
  const { results } = bench.dependencies();
  let appends = 0;
  const dying = {
    last: results.last,
    append: (...args: Parameters<typeof results.append>) => {
      appends += 1;
      if (appends > 4) throw new Error("killed");
      return results.append(...args);
    },
  };
  await expect(bench.run(command, sequence, { deps: { results: dying } })).rejects.toThrow("killed");
  await bench.run(command, sequence);
  await bench.wakeUntil(command, "synced");
  const name = (key: string): string => `${pair.path}-${key}`;
  expect(["a", "b", "c", "d"].map((key) => bench.value(pair, name(key)))).toEqual([undefined, "2", "2", "2"]);
  expect(["a", "b", "c", "d"].map((key) => bench.writes(pair, name(key)))).toEqual([1, 2, 2, 1]);
}, 60_000);

test("secret-key-emptied: a version without keys deletes nothing until it is permitted", async () => {
  const pair = bench.pair("{{ .SecretBaseName }}-{{ .SecretKey }}");
  const spec = { ...pair.destination.spec, granularity: "secret-key" as const };
  await bench.write(pair, { a: "1", b: "1" });
  await bench.sync(pair, { spec });
  await bench.write(pair, {});
  const held = await bench.sync(pair, { spec });
  expect(held.outcome).toMatchObject({ kind: "held", error: { details: { names: 2 } } });
  expect(bench.value(pair, `${pair.path}-a`)).toBe("1");
  await bench.sync(pair, { spec, permit: { by: "approval", digest: "d", fingerprint: "f" } });
  expect(bench.value(pair, `${pair.path}-a`)).toBeUndefined();
});

test("recreated-destination-same-vault: the old destination's unsync leaves what the new one wrote", async () => {
  const old = bench.pair();
  await bench.write(old, { a: "1" });
  await bench.sync(old);
  // Destroyed and made again: other uids, the same vault, name and secret.
  const association = newUid(systemRandom);
  const made = bench.pair();
  const again: Pair = { ...made, path: old.path, association };
  const { keyVaultUri } = old.destination.connection;
  bench.redirect(made, keyVaultUri);
  bench.knownAssociations.add(association);
  // While the old one retires the name is waited for.
  expect((await bench.sync(again)).outcome).toMatchObject({ kind: "waiting", error: { code: "name-taken" } });
  // Its association's tombstone is gone before its unsync was carried out.
  bench.knownAssociations.delete(old.association);
  await bench.wakeUntil(await bench.command(again), "synced");
  await bench.sync(old, REMOVE);
  expect(bench.value(old)).toBe('{"a":"1"}');
}, 60_000);

test("same-second-puts: a second write of a name within two seconds waits, and only the last wish is written", async () => {
  const pair = bench.pair();
  await bench.write(pair, { a: "1" });
  await bench.sync(pair);
  await bench.write(pair, { a: "2" });
  const second = await published(pair);
  const deps = { putSpacingMs: 2_000 };
  const end = await bench.run(second.command, second.sequence, { deps });
  expect(end).toMatchObject({ kind: "again" });
  expect(end.kind === "again" && end.afterMs).toBeLessThanOrEqual(2_000);
  await bench.write(pair, { a: "3" });
  const third = await published(pair);
  bench.advance(2_000);
  await bench.run(third.command, third.sequence, { deps });
  await bench.run(second.command, second.sequence, { deps });
  expect(bench.value(pair)).toBe('{"a":"3"}');
  expect(bench.writes(pair)).toBe(2);
});

test("a destination's rate group is what its creates and its reads are counted against", async () => {
  const pair = bench.pair("app", { rateGroup: "subscription-1/westeurope" });
  await bench.write(pair, { a: "1" });
  const { command, sequence } = await published(pair);
  const { memory } = bench.dependencies();
  const asked: unknown[] = [];
  const pacing = over(memory.pacing, {
    acquire: (vault, kind, ...rest) => {
      asked.push([kind, vault.rateGroup]);
      return memory.pacing.acquire(vault, kind, ...rest);
    },
  });
  await bench.run(command, sequence, { deps: { memory: { ...partsOf(memory), pacing } } });
  expect(asked).toEqual([
    ["create", "subscription-1/westeurope"],
    ["other", "subscription-1/westeurope"],
  ]);
});
