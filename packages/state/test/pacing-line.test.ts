// The line of one process, on a real Redis in real time: order, giving up, and Redis going away under it.
import { eventually } from "@keyferry/testkit";
import { expect, test } from "vitest";
import { connected, startWorld } from "./world.ts";

const VAULT = { host: "kv.vault.azure.net" };
const never = (): AbortSignal => new AbortController().signal;

test("who waits is served in order, and asking costs Redis the same however many wait", async () => {
  await using world = await startWorld();
  const { pacing } = world.state;
  const served: number[] = [];
  await Promise.all(
    Array.from({ length: 20 }, (_, n) =>
      pacing.acquire(VAULT, "other", "bulk", never()).then(() => served.push(n)),
    ),
  );
  expect(served).toEqual(Array.from({ length: 20 }, (_, n) => n));
  await world.raw.config("RESETSTAT");
  const giveUp = new AbortController();
  const many = Array.from({ length: 2_000 }, () =>
    pacing.acquire(VAULT, "create", "bulk", giveUp.signal).then(
      () => "served",
      (error: { code: string }) => error.code,
    ),
  );
  const first = await Promise.race(many);
  giveUp.abort();
  const ends = await Promise.all(many);
  expect(first).toBe("served");
  expect(ends.filter((end) => end === "operation-aborted").length).toBeGreaterThan(1_900);
  const stats = await world.raw.info("commandstats");
  const asked = Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1] ?? "0");
  expect(asked).toBeLessThan(200);
});

test("a live caller overtakes a thousand bulk callers of the same process", async () => {
  await using world = await startWorld();
  const { pacing } = world.state;
  let bulkServed = 0;
  const giveUp = new AbortController();
  const bulk = Array.from({ length: 1_000 }, () =>
    pacing.acquire(VAULT, "create", "bulk", giveUp.signal).then(
      () => (bulkServed += 1),
      () => undefined,
    ),
  );
  await eventually(() => bulkServed >= 5, { what: "bulk is flowing" });
  const before = bulkServed;
  const grant = await pacing.acquire(VAULT, "create", "live", never());
  expect(grant.lane).toBe("live");
  // One may have been under way, one may have been bulk's share.
  expect(bulkServed - before).toBeLessThanOrEqual(6);
  giveUp.abort();
  await Promise.all(bulk);
});

test("a token that arrives when everybody has given up goes back", async () => {
  await using world = await startWorld();
  const { pacing } = world.state;
  const giveUp = new AbortController();
  const waiting = pacing.acquire(VAULT, "create", "live", giveUp.signal);
  giveUp.abort();
  await expect(waiting).rejects.toMatchObject({ code: "operation-aborted" });
  await expect(pacing.acquire(VAULT, "create", "live", AbortSignal.abort())).rejects.toMatchObject({
    code: "operation-aborted",
  });
  // The line is free for whoever comes next.
  expect(await pacing.acquire(VAULT, "create", "live", never())).toMatchObject({
    kind: "create",
    probe: false,
  });
});

test("when Redis goes away the whole line is told, and when it is back it works again", async () => {
  await using world = await startWorld();
  const { pacing } = world.state;
  const waiting = Array.from({ length: 200 }, () =>
    pacing.acquire(VAULT, "create", "bulk", never()).catch((error: { code: string }) => error.code),
  );
  await world.server.kill();
  const ends = await Promise.all(waiting);
  expect(ends.filter((end) => end === "state-unreachable").length).toBeGreaterThan(150);
  await world.server.start();
  await connected(world.state);
  expect(await pacing.acquire(VAULT, "create", "bulk", never())).toMatchObject({ kind: "create" });
});

test("closing turns away who waits", async () => {
  await using world = await startWorld();
  const second = await world.connect();
  await connected(second);
  const waiting = Array.from({ length: 50 }, () =>
    second.pacing.acquire(VAULT, "create", "bulk", never()).then(
      () => "served",
      (error: { code: string }) => error.code,
    ),
  );
  await second.close();
  const ends = await Promise.all(waiting);
  expect(ends).toContain("operation-aborted");
});
