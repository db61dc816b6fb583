// Proves for each network audit device of OpenBao, alone, that what it tells becomes an event without any sweep, and that
// the source goes on without a detector that listens.
import { eventually } from "@keyferry/testkit";
import { expect, test } from "vitest";
import { currentIs, HINT_TOKEN, isGone, startWorld, versionIs, type WorldOptions } from "./world.ts";

const CHANNELS = [
  ["audit-tcp", "audit-socket"],
  ["audit-unix", "audit-socket"],
  ["audit-http", "audit-http"],
] as const satisfies readonly (readonly [WorldOptions["hints"], string])[];

test.for(CHANNELS)("%s alone brings every kind of change", async ([hints, channel]) => {
  await using world = await startWorld({ hints });
  // The source has its file device besides, so that nobody waits for ours: its first entries went to nobody.
  await world.write("app");
  await world.last("app", currentIs(1));
  await world.write("app");
  await world.last("app", currentIs(2));
  await world.call("DELETE", "secret/data/app");
  await world.last("app", versionIs(2, "dead"));
  await world.call("POST", "secret/undelete/app", { versions: [2] });
  await world.last("app", versionIs(2, "live"));
  await world.call("DELETE", "secret/metadata/app");
  await world.last("app", isGone);
  expect(world.eventsOf("app").map(({ via }) => via)).toEqual(Array(5).fill("hint"));
  expect(await world.detector.metrics()).toMatch(
    new RegExp(`keyferry_detector_hints_total\\{channel="${channel}"[^}]*\\} [1-9]`),
  );

  await world.detector.kill();
  await world.write("meanwhile");
  await world.associate("meanwhile");
  await world.detector.start();
  await world.last("meanwhile", currentIs(1));
  await eventually(() => world.write("after").then(() => true), { what: "a write after the restart" });
  await world.last("after", currentIs(1));
});

test("a hint that somebody brings by HTTP alone is an event within the time of a read", async () => {
  await using world = await startWorld({ hints: "manual" });
  const at = await world.detector.announced("manualHints");
  const post = (body: object, authorization = `Bearer ${HINT_TOKEN}`) =>
    fetch(`http://${at}/`, { method: "POST", body: JSON.stringify(body), headers: { authorization } });
  await world.write("app");
  expect((await post({ mount: "secret", path: "app" }, "Bearer wrong")).status).toBe(401);
  expect((await post({ mount: "secret", path: "app", version: 1 })).status).toBe(202);
  expect(await world.last("app", currentIs(1))).toMatchObject({ via: "hint" });
  await world.write("other");
  expect((await post({ mount: "secret" })).status).toBe(202);
  expect(await world.last("other", currentIs(1))).toMatchObject({ via: "sweep" });
});
