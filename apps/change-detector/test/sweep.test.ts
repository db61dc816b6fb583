// Proves that without any hint every change is found by a sweep of the associated mounts, that a deletion needs its
// second read, and that a restarted detector continues from its memory.
import { eventually } from "@keyferry/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { currentIs, isGone, ownerIs, startWorld, versionIs, type World } from "./world.ts";

let world: World;

beforeAll(async () => {
  world = await startWorld({ hints: "none", sweepIntervalS: 1, persistentSource: true });
});

afterAll(() => world[Symbol.asyncDispose]());

async function sweepsDone(): Promise<number> {
  const text = await world.detector.metrics();
  return Number(/keyferry_detector_sweep_seconds_count(?:\{[^}]*\})? (\d+)/.exec(text)?.[1] ?? 0);
}

/** Waits until a sweep that began after the call is over. */
async function anotherSweep(): Promise<void> {
  const before = await sweepsDone();
  await eventually(sweepsDone, { what: "two more sweeps", until: (done) => done >= before + 2 });
}

test("what was there before the association is found in pages and folders", async () => {
  const paths = ["one", "two", "three", "f/four", "f/five", "f/g/six", "seven", "eight"];
  for (const path of paths) await world.write(path);
  await world.newMount("unassociated");
  await world.write("x", "unassociated");
  await world.associate("one");
  for (const path of paths) await world.last(path, currentIs(1));
  expect(world.eventsOf("x", "unassociated")).toEqual([]);
});

test("a mount that only a rule looks at is swept from when the rule comes, and one that is made later too", async () => {
  await world.newMount("team-a");
  await world.write("x", "team-a");
  const now = new Date().toISOString();
  await world.bus.rules.put(
    "cdefghijklmno",
    {
      major: 1,
      uid: "cdefghijklmno",
      namespace: "",
      name: "teams",
      destination: "abcdefghijklm",
      state: "active",
      match: { mounts: ["team-*"], paths: [], customMetadata: {} },
      spec: { granularity: "secret-path", nameTemplate: "x", customTags: {} },
      createdAt: now,
      updatedAt: now,
    },
    0,
  );
  await world.last("x", currentIs(1), "team-a");
  await world.newMount("team-b");
  await world.write("y", "team-b");
  await world.last("y", currentIs(1), "team-b");
  expect(world.eventsOf("x", "unassociated")).toEqual([]);
});

test("each change is found by the next sweep, once", async () => {
  await world.write("one");
  await world.call("DELETE", "secret/data/two");
  await world.call("POST", "secret/metadata/three", { custom_metadata: { owner: "me" } });
  await world.last("one", currentIs(2));
  await world.last("two", versionIs(1, "dead"));
  await world.last("three", ownerIs("me"));
  await anotherSweep();
  expect(["one", "two", "three"].map((path) => world.eventsOf(path).length)).toEqual([2, 2, 2]);
  expect(world.eventsOf("one").at(-1)).toMatchObject({ via: "sweep" });
});

test("a secret that is not in the list any more is gone after two reads, half a minute apart", async () => {
  await world.call("DELETE", "secret/metadata/f/g/six");
  const gone = await world.last("f/g/six", isGone);
  expect(gone.changes).toEqual([{ kind: "secret-deleted" }]);
});

test("killed and started again it goes on from the last events: what changed meanwhile is found, what didn't is not", async () => {
  await world.detector.kill();
  const before = world.events.length;
  await world.write("seven");
  await world.detector.start();
  await world.last("seven", currentIs(2));
  await anotherSweep();
  expect(world.events.slice(before).map(({ event }) => event.secret.path)).toEqual(["seven"]);
});

test("a source that is away, sealed or restarted is waited for", async () => {
  await world.bao.kill();
  await eventually(() => world.detector.isReady(), {
    what: "the detector to wait",
    until: (ready) => !ready,
  });
  await world.bao.start();
  await world.write("eight");
  await world.last("eight", currentIs(2));
  await eventually(() => world.detector.isReady(), { what: "the detector to be ready again" });
});

test("NATS that is away is waited for", async () => {
  await world.nats.kill();
  await world.write("eight");
  await eventually(() => world.detector.isReady(), {
    what: "the detector to wait",
    until: (ready) => !ready,
  });
  await world.nats.start();
  await world.last("eight", currentIs(3));
});
