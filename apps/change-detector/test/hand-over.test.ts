// Proves that of two detectors one works and the other takes over: after SIGKILL under load without a lost event, and
// after a pause (hazard two-detectors-one-paused) without an event that undoes a later one.
import { eventually, type Service } from "@keyferry/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { currentIs, startWorld, type World } from "./world.ts";

let world: World;
let standby: Service;

const PATHS = Array.from({ length: 25 }, (_, index) => `app-${index}`);
const CHANGES_PER_SECOND = 50;

beforeAll(async () => {
  world = await startWorld({ hints: "audit-file" });
  await world.associate("app-0");
  standby = await world.addDetector();
});

afterAll(() => world[Symbol.asyncDispose]());

/** Writes one secret after another until told to stop; gives how often each was written. */
function changeSteadily(): { stop: () => Promise<ReadonlyMap<string, number>> } {
  const written = new Map<string, number>();
  const stop = new AbortController();
  const run = async (): Promise<void> => {
    const began = performance.now();
    for (let index = 0; !stop.signal.aborted; index += 1) {
      const waitMs = began + (index * 1_000) / CHANGES_PER_SECOND - performance.now();
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
      const path = PATHS[index % PATHS.length] ?? "";
      await world.write(path);
      written.set(path, (written.get(path) ?? 0) + 1);
    }
  };
  const running = run();
  return {
    async stop() {
      stop.abort();
      await running;
      return written;
    },
  };
}

/** The fold of the log is the server's metadata, and each secret's versions were told in their order. */
async function expectWholeLog(since: ReadonlyMap<string, number>): Promise<void> {
  for (const [path, count] of since) {
    const { data } = (await world.call("GET", `secret/metadata/${path}`)) as {
      data: { current_version: number; versions: Record<string, { created_time: string }> };
    };
    expect(data.current_version).toBeGreaterThanOrEqual(count);
    const last = await world.last(path, currentIs(data.current_version));
    const told = last.state.kind === "present" ? last.state.versions : {};
    expect(Object.entries(told).map(([number, { createdTime }]) => [number, createdTime])).toEqual(
      Object.entries(data.versions).map(([number, { created_time }]) => [number, created_time]),
    );
    const currents = world
      .eventsOf(path)
      .map(({ state }) => (state.kind === "present" ? state.current : Number.NaN));
    expect(currents).toEqual(currents.toSorted((a, b) => a - b));
  }
}

async function isActive(detector: Service): Promise<boolean> {
  return /^keyferry_detector_active(?:\{[^}]*\})? 1$/m.test(await detector.metrics());
}

test("the second detector is ready, and says that it stands by", async () => {
  const answer = await fetch(`${standby.url}/readyz`);
  expect([answer.status, await answer.json()]).toEqual([
    200,
    { ready: true, waitingFor: [], notes: ["standing by: another detector works for this source"] },
  ]);
  expect([await isActive(world.detector), await isActive(standby)]).toEqual([true, false]);
});

test("kill -9 of the active detector under 50 changes a second loses no event", async () => {
  const changes = changeSteadily();
  await eventually(() => world.events.length > 100, { what: "events under load" });
  const killedAt = Date.now();
  await world.detector.kill();
  await eventually(() => isActive(standby), { what: "the standby to work" });
  const next = await eventually(() => world.events.at(-1), {
    what: "an event of the standby",
    until: (last) => last !== undefined && last.event.readStartedAt > killedAt + 1_000,
  });
  process.stdout.write(
    `hand-over: ${(next?.event.readStartedAt ?? 0) - killedAt} ms from kill -9 to the next event\n`,
  );
  await expectWholeLog(await changes.stop());
});

test("hazard two-detectors-one-paused: the paused one wakes among newer events and undoes none", async () => {
  await world.detector.start(); // stands by now
  const changes = changeSteadily();
  const before = world.events.length;
  await eventually(() => world.events.length > before + 50, { what: "events under load" });
  await standby.pause(); // it is the active one, in the midst of its looks
  await eventually(() => isActive(world.detector), { what: "the other to take over" });
  const taken = world.events.length;
  await eventually(() => world.events.length > taken + 50, { what: "events of the other" });
  await standby.resume();
  await eventually(async () => !(await isActive(standby)), { what: "the paused one to stand by" });
  await expectWholeLog(await changes.stop());
});
