// The detector on a virtual clock against a model of KVv2: each hazard of the detector's group that needs an interleaving.
import { KeyferryError } from "@keyferry/errors";
import { afterEach, expect, test } from "vitest";
import { SimulatedWorld } from "./simulated/world.ts";

const worlds: SimulatedWorld[] = [];

function newWorld(options: { sweepIntervalMs?: number } = {}): SimulatedWorld {
  const world = new SimulatedWorld(options);
  worlds.push(world);
  return world;
}

afterEach(async () => {
  for (const world of worlds.splice(0)) await world.stop();
});

const changesOf = (world: SimulatedWorld, path: string): string[] =>
  world.eventsOf(path).map(({ changes }) => changes.map(({ kind }) => kind).join("+"));

test("ten thousand hints for one secret are a few reads", async () => {
  const world = newWorld();
  await world.start();
  world.model.write("hot");
  for (let n = 0; n < 10_000; n += 1) world.hintOf("hot", "write", 1);
  await world.clock.advance(10_000);
  expect(world.source.reads).toBeLessThanOrEqual(3);
  expect(world.folded("hot")).toEqual(world.model.state("hot"));
});

test("a change during a read leads to another read", async () => {
  const world = newWorld();
  await world.start();
  world.model.write("p");
  const read = Promise.withResolvers<undefined>();
  world.source.beforeRead = async () => read.promise;
  world.hintOf("p", "write", 1);
  await world.clock.settle();
  world.source.beforeRead = async () => undefined;
  world.source.stale = world.model.state("p");
  world.model.write("p");
  world.hintOf("p", "write", 2);
  read.resolve(undefined);
  await world.clock.settle();
  world.source.stale = undefined;
  await world.clock.advance(5_000);
  expect(world.folded("p")).toMatchObject({ current: 2 });
});

test("a read that shows less than the write's version is behind: read again until it shows it", async () => {
  const world = newWorld();
  world.model.write("p");
  await world.start();
  world.source.stale = world.model.state("p");
  world.model.write("p");
  world.hintOf("p", "write", 2);
  await world.clock.advance(3_000);
  expect(world.folded("p")).toMatchObject({ current: 1 });
  world.source.stale = undefined;
  await world.clock.advance(2_000);
  expect(changesOf(world, "p")).toEqual(["first-seen", "version-created"]);
});

test("hazard stale-sweep-page: a page that was read before a hint's event is not published over it", async () => {
  const world = newWorld({ sweepIntervalMs: 60_000 });
  world.model.write("p");
  await world.start();
  world.source.afterPage = async () => {
    world.source.afterPage = async () => undefined;
    // Between the page's read and its diff: the version is deleted, and that is published.
    world.model.remove("p", 1);
    world.hintOf("p", "delete");
    await world.clock.settle();
  };
  world.model.setMetadata("p", { owner: "me" });
  await world.clock.advance(70_000);
  await world.clock.advance(5_000);
  expect(world.told.filter(([told]) => told === "sweepFinished").length).toBe(2);
  expect(world.folded("p")).toEqual(world.model.state("p"));
  expect(changesOf(world, "p").join()).not.toContain("undeleted");
});

test("hazard regression-by-stale-read: one absent answer is nothing, two that are far apart are the truth", async () => {
  const world = newWorld();
  world.model.write("p");
  await world.start();
  world.source.stale = { kind: "gone" };
  world.hintOf("p", "metadata-delete");
  await world.clock.advance(1_000);
  world.source.stale = undefined;
  await world.clock.advance(60_000);
  expect(changesOf(world, "p")).toEqual(["first-seen"]);

  world.model.removeMetadata("p");
  world.hintOf("p", "metadata-delete");
  await world.clock.advance(1_900);
  expect(world.folded("p")).toMatchObject({ kind: "present" });
  await world.clock.advance(200);
  expect(world.folded("p")).toEqual({ kind: "gone" });
});

test("without a hint of the deletion the second read comes half a minute later", async () => {
  const world = newWorld({ sweepIntervalMs: 100_000 });
  world.model.write("p");
  world.model.write("q");
  await world.start();
  world.model.removeMetadata("p");
  world.hintOf("p", "write");
  await world.clock.advance(29_000);
  expect(world.folded("p")).toMatchObject({ kind: "present" });
  await world.clock.advance(2_000);
  expect(world.folded("p")).toEqual({ kind: "gone" });
});

test("hazard source-snapshot-restore: a lower version is believed after its second read, and followed from there", async () => {
  const world = newWorld({ sweepIntervalMs: 100_000 });
  for (let n = 0; n < 3; n += 1) world.model.write("p");
  const restored = world.model.state("p");
  for (let n = 0; n < 4; n += 1) world.model.write("p");
  await world.start();
  expect(world.folded("p")).toMatchObject({ current: 7 });
  world.source.stale = restored;
  world.hintOf("p", "metadata-write");
  await world.clock.advance(29_000);
  expect(world.folded("p")).toMatchObject({ current: 7 });
  await world.clock.advance(2_000);
  expect(world.folded("p")).toEqual(restored);
  expect(world.eventsOf("p").at(-1)?.changes).toContainEqual({ kind: "regressed", from: 7, to: 3 });
});

test("hazard wrong-cluster: what another cluster says counts for nothing, absent or present", async () => {
  const world = newWorld({ sweepIntervalMs: 10_000 });
  for (const path of ["p", "q"]) world.model.write(path);
  await world.start();
  const before = world.log.events.length;
  world.source.clusterId = "cluster-b";
  world.model.removeMetadata("p");
  world.model.write("q");
  world.model.write("only-there");
  for (const path of ["p", "q", "only-there"]) world.hintOf(path, "write");
  await world.clock.advance(120_000);
  expect(world.log.events.length).toBe(before);
  expect(world.told).toContainEqual(["held", { mount: "kv", why: "source-changed" }]);
  world.source.clusterId = "cluster-a";
  await world.clock.advance(120_000);
  for (const path of ["p", "q", "only-there"]) expect(world.folded(path)).toEqual(world.model.state(path));
});

test("hazard mount-reenabled: clean 404s under another accessor are no deletion", async () => {
  const world = newWorld({ sweepIntervalMs: 10_000 });
  world.model.write("p");
  await world.start();
  world.source.accessor = "kv_b";
  world.model.removeMetadata("p");
  world.hintOf("p", "metadata-delete");
  await world.clock.advance(120_000);
  expect(changesOf(world, "p")).toEqual(["first-seen"]);
  expect(world.told).toContainEqual(["held", { mount: "kv", why: "source-changed" }]);
});

test("a secret of the new mount at an old one's path is another secret", async () => {
  const world = newWorld();
  world.model.write("p");
  await world.start();
  world.source.accessor = "kv_b";
  world.model.write("p");
  world.hintOf("p", "write", 2);
  await world.clock.advance(5_000);
  expect(world.eventsOf("p").map(({ secret, changes }) => [secret.accessor, changes])).toEqual([
    ["kv_a", [{ kind: "first-seen" }]],
    ["kv_b", [{ kind: "first-seen" }]],
  ]);
});

test("a denied or sealed source is never read as deleted, and everything is caught up with when it is back", async () => {
  const world = newWorld({ sweepIntervalMs: 10_000 });
  for (const path of ["p", "q", "r"]) world.model.write(path);
  const detector = await world.start();
  for (const code of [
    "source-denied",
    "source-sealed",
    "source-unreachable",
    "source-answer-unknown",
  ] as const) {
    world.source.failing = new KeyferryError(code, "not now");
    world.hintOf("p", "metadata-delete");
    await world.clock.advance(60_000);
    expect(changesOf(world, "p")).toEqual(["first-seen"]);
  }
  world.source.failing = new KeyferryError("source-sealed", "sealed");
  await world.clock.advance(20_000);
  expect(detector.condition()).toEqual({ kind: "waiting", why: "sealed" });
  world.model.write("p");
  world.model.removeMetadata("q");
  world.source.failing = undefined;
  await world.clock.advance(120_000);
  expect(detector.condition()).toEqual({ kind: "ready" });
  for (const path of ["p", "q", "r"]) expect(world.folded(path)).toEqual(world.model.state(path));
});

test("a sweep that fails half-way goes on from there, and what the first half showed is not taken for gone", async () => {
  const world = newWorld({ sweepIntervalMs: 600_000 });
  const paths = Array.from({ length: 15 }, (_, index) => `p-${String(index).padStart(2, "0")}`);
  for (const path of paths) world.model.write(path);
  let pages = 0;
  world.source.afterPage = async () => {
    pages += 1;
    if (pages === 4) throw new KeyferryError("source-unreachable", "no answer in time");
  };
  await world.start();
  await world.clock.advance(20_000);
  expect(world.count("sweepFinished")).toBe(1);
  // Five pages, of which one was read twice.
  expect(world.source.pagesRead).toBe(6);
  await world.clock.advance(60_000);
  for (const path of paths) expect(changesOf(world, path)).toEqual(["first-seen"]);
});

test("a gap that is told while a sweep fails makes the next one begin at the beginning", async () => {
  const world = newWorld({ sweepIntervalMs: 600_000 });
  for (let index = 0; index < 9; index += 1) world.model.write(`p-${index}`);
  world.source.afterPage = async () => {
    if (world.source.pagesRead !== 3) return;
    // The first page is past; what changes there now, nobody but the next sweep tells.
    world.model.write("p-0");
    world.hint({ major: 1, namespace: "", mount: "", operation: "look", channel: "manual" });
    throw new KeyferryError("source-answer-unknown", "a page that can't be read");
  };
  await world.start();
  await world.clock.advance(30_000);
  expect(world.folded("p-0")).toMatchObject({ current: 2 });
});

test("hazard two-detectors-one-paused: the compare-and-set decides, the loser reads the source again", async () => {
  const world = newWorld();
  world.model.write("p");
  await world.start();
  await world.start();
  for (let n = 2; n <= 5; n += 1) {
    world.model.write("p");
    world.hintOf("p", "write", n);
    await world.clock.advance(10);
  }
  await world.clock.advance(5_000);
  expect(world.folded("p")).toMatchObject({ current: 5 });
  expect(changesOf(world, "p")).toEqual([
    "first-seen",
    ...Array.from({ length: 4 }, () => "version-created"),
  ]);
  expect(world.count("overtaken")).toBeGreaterThan(0);
});

test("hazard no-state-is-not-gone: who asks is answered, also when the log was lost under a running detector", async () => {
  const world = newWorld();
  world.model.write("p");
  await world.start();
  world.log.events.length = 0;
  world.hintOf("p", "look");
  world.hintOf("missing", "look");
  await world.clock.advance(1_000);
  expect(changesOf(world, "p")).toEqual(["first-seen"]);
  expect(world.folded("missing")).toBeUndefined();
  await world.clock.advance(31_000);
  expect(world.folded("missing")).toEqual({ kind: "gone" });
});

test("hazard expiry-without-a-change and timer-beyond-24-days: seen when it comes, and not asked about before", async () => {
  const DAY_MS = 86_400_000;
  const world = newWorld({ sweepIntervalMs: 1_000 * DAY_MS });
  world.model.setMetadata("p", {}, 30 * DAY_MS);
  world.model.write("p");
  await world.start();
  await world.clock.advance(30 * DAY_MS - 10_000);
  expect(world.source.reads).toBe(0);
  await world.clock.advance(20_000);
  expect(world.eventsOf("p").at(-1)).toMatchObject({
    via: "expiry",
    changes: [{ kind: "version-deleted", version: 1, expired: true }],
  });
  expect(world.source.reads).toBeLessThanOrEqual(3);
});

test.for([3_600_000, -3_600_000])(
  "O22: with clocks %i ms apart an expiry is seen when the source's clock says so, and is no deletion before",
  async (serverAheadMs) => {
    const world = newWorld({ sweepIntervalMs: 600_000 });
    world.serverAheadMs = serverAheadMs;
    world.model.setMetadata("p", {}, 7_200_000);
    world.model.write("p");
    await world.start();
    await world.clock.advance(7_100_000);
    expect(changesOf(world, "p")).toEqual(["first-seen"]);
    world.model.write("q");
    world.hintOf("q", "write", 1);
    await world.clock.advance(700_000);
    expect(changesOf(world, "p")).toEqual(["first-seen", "version-deleted"]);
    expect(changesOf(world, "q")).toEqual(["first-seen"]);
  },
);

test("hazard one-diff-many-kinds: whatever one read shows is one event", async () => {
  const world = newWorld({ sweepIntervalMs: 60_000 });
  for (let n = 0; n < 10; n += 1) world.model.write("p");
  await world.start();
  for (let n = 0; n < 3; n += 1) world.model.write("p");
  world.model.remove("p", 12);
  world.model.setMetadata("p", { owner: "me" });
  await world.clock.advance(70_000);
  expect(world.eventsOf("p")).toHaveLength(2);
  expect(world.folded("p")).toEqual(world.model.state("p"));
});

test("a restarted detector publishes nothing for what didn't change, and what did once", async () => {
  const world = newWorld();
  for (const path of ["a", "b", "c", "d"]) world.model.write(path);
  await world.start();
  await world.stop();
  world.model.write("b");
  await world.start();
  await world.clock.advance(1_000);
  expect(world.log.events.map(({ event }) => event.secret.path)).toEqual(["a", "b", "c", "d", "b"]);
});
