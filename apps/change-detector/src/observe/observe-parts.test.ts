import { KeyferryError } from "@keyferry/errors";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { VirtualClock } from "../simulated/virtual-clock.ts";
import { Confirmations } from "./confirmations.ts";
import { FreshReads } from "./fresh-reads.ts";
import { Gate } from "./gate.ts";
import { type LookEnd, LookQueue } from "./look-queue.ts";
import { type LookRequest, mergeRequests } from "./look-request.ts";
import { matchesAny } from "./mount-globs.ts";

const request = (path: string, more: Partial<LookRequest> = {}): LookRequest => ({
  address: { namespace: "", mount: "kv", path },
  cause: "hint",
  asked: false,
  deletionHinted: false,
  ...more,
});

test("globs match whole paths, stars any characters, namespaces included", () => {
  const rows: [string, string, boolean][] = [
    ["*", "ns1/team/kv", true],
    ["secret", "secret", true],
    ["secret", "secret2", false],
    ["secret/", "secret", true],
    ["team-*", "team-a/kv", true],
    ["*/kv", "a/b/kv", true],
    ["*/kv", "kv", false],
    ["a*b*c", "aXbYc", true],
    ["a*b*c", "ac", false],
    ["ab*ba", "aba", false],
    ["kv.x", "kvax", false],
  ];
  for (const [glob, path, matches] of rows)
    expect([glob, path, matchesAny([glob], path)]).toEqual([glob, path, matches]);
  expect(matchesAny([], "kv")).toBe(false);
});

test("merged requests are as demanding as both, in any order", () => {
  const some = fc.record({
    minVersion: fc.option(fc.nat(9), { nil: undefined }),
    hintedAt: fc.option(fc.nat(9), { nil: undefined }),
    committedAt: fc.option(fc.nat(9), { nil: undefined }),
    asked: fc.boolean(),
    deletionHinted: fc.boolean(),
    isSecondLook: fc.boolean(),
    cause: fc.constantFrom("hint", "sweep", "expiry", "asked"),
  });
  for (const [a, b] of fc.sample(fc.tuple(some, some), 1_000)) {
    const [one, other] = [request("p", a), request("p", b)];
    const merged = mergeRequests(one, other);
    expect(mergeRequests(other, one)).toEqual(merged);
    expect(merged.minVersion ?? -1).toBe(Math.max(a.minVersion ?? -1, b.minVersion ?? -1));
    expect([merged.asked, merged.deletionHinted]).toEqual([
      a.asked || b.asked,
      a.deletionHinted || b.deletionHinted,
    ]);
  }
});

function queueOf(
  look: (request: LookRequest, attempt: number) => Promise<LookEnd>,
  concurrency = 2,
  waitingMax = 100,
) {
  const clock = new VirtualClock(0);
  let overflows = 0;
  const queue = new LookQueue({ clock, concurrency, waitingMax, look, onOverflow: () => (overflows += 1) });
  const abort = new AbortController();
  const running = queue.run(abort.signal);
  const stop = (): Promise<void> => {
    abort.abort();
    return running;
  };
  return { clock, queue, stop, overflows: () => overflows };
}

test("no more looks at a time than allowed, and never two at one secret", async () => {
  let atOnce = 0;
  let most = 0;
  const looking = new Set<string>();
  const { clock, queue, stop } = queueOf(async ({ address }) => {
    expect(looking.has(address.path)).toBe(false);
    looking.add(address.path);
    most = Math.max(most, (atOnce += 1));
    await clock.sleep(10);
    atOnce -= 1;
    looking.delete(address.path);
    return { kind: "done" };
  }, 3);
  for (let n = 0; n < 60; n += 1) queue.add(request(`p${n % 10}`));
  await clock.advance(1_000);
  expect(most).toBe(3);
  expect(queue.size).toBe(0);
  await stop();
});

test("a look that is not settled is repeated at its time, or at once when there is news", async () => {
  const looks: number[] = [];
  const { clock, queue, stop } = queueOf(async (asked, attempt) => {
    looks.push(clock.now());
    return attempt < 3 ? { kind: "again", at: clock.now() + 1_000, request: asked } : { kind: "done" };
  });
  queue.add(request("p"));
  await clock.advance(400);
  queue.add(request("p"));
  await clock.advance(5_000);
  expect(looks).toEqual([0, 400, 1_400]);
  expect(queue.size).toBe(0);
  await stop();
});

test("beyond its limit the queue drops and says so", async () => {
  const { queue, stop, overflows } = queueOf(() => new Promise(() => undefined), 1, 5);
  for (let n = 0; n < 8; n += 1) queue.add(request(`p${n}`));
  expect([queue.size, overflows()]).toEqual([5, 3]);
  void stop();
});

test("a shared read began after it was asked for, and many askers cost two", async () => {
  let reads = 0;
  const gates: (() => void)[] = [];
  const fresh = new FreshReads<number>(async () => {
    reads += 1;
    const mine = reads;
    await new Promise<void>((resolve) => gates.push(resolve));
    return mine;
  });
  const first = fresh.get("k");
  const later = Array.from({ length: 100 }, () => fresh.get("k"));
  gates[0]?.();
  expect(await first).toBe(1);
  await new Promise((resolve) => setImmediate(resolve));
  gates[1]?.();
  expect(new Set(await Promise.all(later))).toEqual(new Set([2]));
  expect(reads).toBe(2);
});

test("a failed shared read fails its own askers only", async () => {
  let reads = 0;
  const fresh = new FreshReads<number>(async () => {
    reads += 1;
    if (reads === 1) throw new Error("first");
    return reads;
  });
  const [first, second] = await Promise.allSettled([fresh.get("k"), fresh.get("k")]);
  expect([first.status, second.status]).toEqual(["rejected", "fulfilled"]);
});

test("a doubt counts from its first read, is shortened by a hint of the deletion, and begins anew for another reason", () => {
  const doubts = new Confirmations({ hintedMs: 2_000, unhintedMs: 30_000 });
  expect(doubts.confirmableAt("k", "gone", 100, false)).toBe(30_100);
  expect(doubts.confirmableAt("k", "gone", 5_000, false)).toBe(30_100);
  expect(doubts.confirmableAt("k", "gone", 6_000, true)).toBe(2_100);
  expect(doubts.confirmableAt("k", "gone", 7_000, false)).toBe(2_100);
  expect(doubts.confirmableAt("k", "regressed", 8_000, true)).toBe(38_000);
  doubts.clear("k");
  expect(doubts.confirmableAt("k", "regressed", 9_000, false)).toBe(39_000);
});

test("a closed gate is probed with backoff until the server is there, once for all who wait", async () => {
  const clock = new VirtualClock(0);
  let probes = 0;
  let isBack = false;
  const gate = new Gate({
    clock,
    random: { fraction: () => 0.99, bytes: () => Buffer.alloc(0), uuid: () => "" },
    probe: async () => {
      probes += 1;
      if (!isBack) throw new KeyferryError("source-unreachable", "away");
    },
    onWaiting: () => undefined,
    onBack: () => undefined,
  });
  const { signal } = new AbortController();
  gate.close(new KeyferryError("source-unreachable", "away"), signal);
  let opened = 0;
  const waiting = Array.from({ length: 50 }, () => gate.opened(signal).then(() => (opened += 1)));
  await clock.advance(60_000);
  expect([opened, gate.why?.code]).toEqual([0, "source-unreachable"]);
  expect(probes).toBeLessThan(25);
  isBack = true;
  await clock.advance(10_000);
  await Promise.all(waiting);
  expect([opened, gate.why]).toEqual([50, undefined]);
});
