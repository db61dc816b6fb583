// Proves that the collector beside each node works for whichever detector is the active one: after a fail-over of the
// source it is another node's audit file that tells of changes (hazard hints-die-at-standby).
import { eventually } from "@keyferry/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { currentIs, startWorld, type World } from "./world.ts";

let world: World;

beforeAll(async () => {
  // The first detector sits beside a node that serves nobody; its audit file stays empty.
  world = await startWorld({ hints: "idle-file" });
});

afterAll(() => world[Symbol.asyncDispose]());

test("hazard hints-die-at-standby: a collector beside another node brings hints to the active detector", async () => {
  const other = await world.addDetector("audit-file");
  expect(await other.metrics()).toMatch(/^keyferry_detector_active(?:\{[^}]*\})? 0$/m);
  await world.write("app");
  expect(await world.last("app", currentIs(1))).toMatchObject({ via: "hint" });
  expect(await world.detector.metrics()).toMatch(
    /keyferry_detector_hints_total\{channel="audit-file"[^}]*\} [1-9]/,
  );

  // While that collector is away, changes go unnoticed; when it is back nobody trusts what it missed.
  await other.kill();
  await world.write("meanwhile");
  await world.associate("meanwhile");
  await world.last("meanwhile", currentIs(1));
  await world.write("meanwhile");
  await other.start();
  const sweeps = await eventually(() => world.detector.metrics(), {
    what: "a sweep because of the collector's restart",
    until: (text) => /keyferry_detector_sweep_seconds_count(?:\{[^}]*\})? [2-9]/.test(text),
  });
  expect(sweeps).toBeDefined();
  await world.last("meanwhile", currentIs(2));
});
