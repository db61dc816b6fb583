// What a sink says of those that wait for a vault's rate: how many, in which lane, and whether the vault has throttled.
import { eventually } from "@keyferry/testkit";
import { expect, test } from "vitest";
import { startWorld } from "./world.ts";

const VAULT = { host: "kv.vault.azure.net" };

test("nobody waits at first; a queue is told by lane; after a 429 it is told that the vault throttles", async () => {
  await using world = await startWorld();
  const { pacing } = world.state;
  expect(pacing.waiting()).toEqual([]);
  const giveUp = new AbortController();
  const first = await pacing.acquire(VAULT, "create", "live", giveUp.signal);
  expect(await pacing.throttled(first)).toMatchObject({ kind: "paused" });
  const waiting = [
    ...Array.from({ length: 5 }, () => pacing.acquire(VAULT, "create", "bulk", giveUp.signal)),
    pacing.acquire(VAULT, "create", "live", giveUp.signal),
  ].map((one) => one.catch(() => undefined));
  const told = await eventually(() => pacing.waiting(), {
    what: "both lines to have been told to wait",
    until: (lines) => lines.length === 2 && lines.every(({ why }) => why === "paused"),
  });
  expect(told.map(({ vault, kind, lane, count }) => [vault, kind, lane, count])).toEqual(
    expect.arrayContaining([
      [VAULT.host, "create", "bulk", 5],
      [VAULT.host, "create", "live", 1],
    ]),
  );
  giveUp.abort();
  await Promise.all(waiting);
  expect(pacing.waiting()).toEqual([]);
});
