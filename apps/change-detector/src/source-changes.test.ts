// What the detector does when the source is not what it was, and when a person says that it is all the same: O8, O20.
import { afterEach, expect, test } from "vitest";
import { SimulatedWorld } from "./simulated/world.ts";

const worlds: SimulatedWorld[] = [];

function newWorld(sweepIntervalMs = 10_000): SimulatedWorld {
  const world = new SimulatedWorld({ sweepIntervalMs });
  world.associated = [{ namespace: "", mount: "kv", accessor: "kv_a" }];
  worlds.push(world);
  return world;
}

afterEach(async () => {
  for (const world of worlds.splice(0)) await world.stop();
});

const seenOf = (world: SimulatedWorld, path: string) =>
  world
    .eventsOf(path)
    .map(({ secret, changes }) => [secret.accessor, secret.mount, changes.map(({ kind }) => kind)]);

test("hazard wrong-cluster: held until a person confirms, then followed without a restart", async () => {
  const world = newWorld();
  for (const path of ["p", "q"]) world.model.write(path);
  await world.start();
  expect(world.reports[0]).toEqual({ held: [], moved: [] });
  world.source.clusterId = "cluster-b";
  world.model.write("p");
  await world.clock.advance(60_000);
  expect(world.folded("p")).toMatchObject({ current: 1 });
  expect(world.reports[0]?.held).toMatchObject([
    {
      mount: "kv",
      why: "source-changed",
      change: { kind: "cluster", from: "cluster-a", to: "cluster-b" },
    },
  ]);
  // Another than the one that answers: no help.
  world.said.confirmCluster("cluster-c");
  await world.clock.advance(60_000);
  expect(world.folded("p")).toMatchObject({ current: 1 });
  world.said.confirmCluster("cluster-b");
  await world.clock.advance(2_000);
  expect(world.folded("p")).toEqual(world.model.state("p"));
  await world.clock.advance(20_000);
  expect(world.reports[0]).toEqual({ held: [], moved: [] });
});

test("a confirmed cluster counts for secrets that did not change too, and the old one is held from then on", async () => {
  const world = newWorld();
  for (const path of ["p", "q"]) world.model.write(path);
  await world.start();
  world.source.clusterId = "cluster-b";
  world.said.confirmCluster("cluster-b");
  world.model.write("p");
  await world.clock.advance(20_000);
  world.source.clusterId = "cluster-a";
  world.model.write("q");
  world.hintOf("q", "write", 2);
  await world.clock.advance(60_000);
  expect([world.folded("p"), world.folded("q")]).toMatchObject([{ current: 2 }, { current: 1 }]);
});

test("hazard mount-reenabled: nothing of the new mount is published until a person says that it replaces the old one", async () => {
  const world = newWorld();
  world.model.write("p");
  world.model.write("gone-there");
  await world.start();
  world.source.accessor = "kv_b";
  world.model.removeMetadata("gone-there");
  world.hintOf("p", "write");
  world.hintOf("gone-there", "metadata-delete");
  await world.clock.advance(120_000);
  expect(world.log.events.length).toBe(2);
  expect(world.reports[0]?.held).toMatchObject([
    { mount: "kv", why: "source-changed", change: { kind: "mount", from: "kv_a", to: "kv_b" } },
  ]);
  world.said.confirmMount("kv", "kv_b");
  await world.clock.advance(2_000);
  expect(seenOf(world, "p")).toEqual([
    ["kv_a", "kv", ["first-seen"]],
    ["kv_b", "kv", ["first-seen"]],
  ]);
  // Of the old mount's secrets nothing is ever said: who follows them has the confirmation.
  await world.clock.advance(120_000);
  expect(seenOf(world, "gone-there")).toEqual([["kv_a", "kv", ["first-seen"]]]);
  expect(world.reports[0]?.held).toEqual([]);
});

test("a mount that nobody syncs from may be made anew: its secrets are new ones", async () => {
  const world = newWorld();
  world.associated = [];
  world.model.write("p");
  await world.start();
  world.hintOf("p", "write", 1);
  await world.clock.advance(5_000);
  world.source.accessor = "kv_b";
  world.hintOf("p", "write", 1);
  await world.clock.advance(5_000);
  expect(seenOf(world, "p").map(([accessor]) => accessor)).toEqual(["kv_a", "kv_b"]);
});

test("a mount that a rule looks at is held like one with associations once secrets of it were seen", async () => {
  const world = newWorld();
  world.associated = [];
  world.rules.set([{ namespace: "", mounts: ["k*"] }]);
  world.model.write("p");
  await world.start();
  await world.clock.advance(20_000);
  expect(seenOf(world, "p")).toEqual([["kv_a", "kv", ["first-seen"]]]);
  world.source.accessor = "kv_b";
  await world.clock.advance(120_000);
  expect(seenOf(world, "p")).toHaveLength(1);
  world.said.confirmMount("kv", "kv_b");
  await world.clock.advance(20_000);
  expect(seenOf(world, "p")).toHaveLength(2);
});

test("a rule that comes, or begins to look at another mount, is swept for at once; one that goes no more", async () => {
  const world = newWorld(3_600_000);
  world.associated = [];
  world.model.write("p");
  await world.start();
  world.rules.set([{ namespace: "", mounts: ["other"] }]);
  await world.clock.advance(5_000);
  expect(seenOf(world, "p")).toEqual([]);
  world.rules.set([{ namespace: "", mounts: ["other", "kv"] }]);
  await world.clock.advance(5_000);
  expect(seenOf(world, "p")).toHaveLength(1);
  world.rules.set([]);
  world.model.write("p");
  await world.clock.advance(5_000);
  expect(seenOf(world, "p")).toHaveLength(1);
});

test("hazard remount-keeps-accessor: the mount is looked at where it stands, its secrets are the same ones", async () => {
  const world = newWorld();
  for (const path of ["p", "q"]) world.model.write(path);
  await world.start();
  world.source.path = "moved/kv";
  world.model.write("q");
  await world.clock.advance(20_000);
  expect(seenOf(world, "p")).toEqual([
    ["kv_a", "kv", ["first-seen"]],
    ["kv_a", "moved/kv", ["moved"]],
  ]);
  expect(seenOf(world, "q")).toEqual([
    ["kv_a", "kv", ["first-seen"]],
    ["kv_a", "moved/kv", ["moved", "version-created"]],
  ]);
  expect(new Set(world.log.events.map(({ key }) => key)).size).toBe(2);
  expect(world.reports[0]).toEqual({
    held: [],
    moved: [{ namespace: "", accessor: "kv_a", from: "kv", to: "moved/kv" }],
  });
  await world.clock.advance(60_000);
  expect(world.log.events.length).toBe(4);
});

test("hazard unreadable-mount: a mount that is denied or missing is reported, and no more once it can be read", async () => {
  const world = newWorld();
  world.model.write("p");
  await world.start();
  world.source.path = "elsewhere";
  world.associated = [{ namespace: "", mount: "kv" }];
  await world.clock.advance(20_000);
  expect(world.reports[0]?.held).toMatchObject([{ mount: "kv", why: "mount-missing", change: null }]);
  world.source.path = "kv";
  await world.clock.advance(20_000);
  expect(world.reports[0]?.held).toEqual([]);
});
