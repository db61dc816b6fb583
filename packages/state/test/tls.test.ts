// Redis over TLS, with a real server that has a certificate of its own authority: everything works, and nothing is said to a
// server that nobody vouches for.
import { eventually } from "@keyferry/testkit";
import { expect, test } from "vitest";
import { connectState } from "../src/index.ts";
import { connected, optionsFor, startWorld } from "./world.ts";

const VAULT = { host: "kv.vault.azure.net" };

test("over TLS, with the authority of redis.caFile, everything works, also after a restart of the server", async () => {
  await using world = await startWorld({ tls: true });
  const { tls } = world.server;
  if (tls === undefined) throw new Error("the server has no TLS");
  const state = await world.connect({ url: tls.url, caFile: tls.caFile });
  await connected(state);
  await state.check();
  const lock = await state.locks.take(VAULT.host, "app", 10_000);
  if (lock === undefined) throw new Error("the name was free");
  expect(await state.locks.take(VAULT.host, "app", 10_000)).toBeUndefined();
  expect(await state.locks.release(lock)).toBe(true);
  // A script, by its hash.
  expect((await state.pacing.acquire(VAULT, "other", "live", AbortSignal.timeout(10_000))).lane).toBe("live");
  await world.server.restart();
  await connected(state);
  expect(await state.locks.take(VAULT.host, "app", 10_000)).toBeDefined();
});

test("a server whose certificate nobody vouches for is not spoken to, and neither is one without TLS", async () => {
  await using world = await startWorld({ tls: true });
  const { tls, port } = world.server;
  if (tls === undefined) throw new Error("the server has no TLS");
  const cases = [
    { url: tls.url },
    // The right authority, and a port on which nobody speaks TLS.
    { url: `rediss://127.0.0.1:${port}`, caFile: tls.caFile },
    // The other way round: no TLS with a server that wants it.
    { url: tls.url.replace("rediss:", "redis:") },
  ];
  for (const [index, over] of cases.entries()) {
    await using state = await connectState({ ...optionsFor(world.server.url), ...over });
    // "not connected yet" until the first try has failed.
    const why = await eventually(() => state.status().why, {
      what: `a reason in case ${index}`,
      until: (text) => text !== undefined && text !== "not connected yet",
    });
    expect(why).not.toBe("");
    expect(state.status().connected).toBe(false);
    await expect(state.locks.take(VAULT.host, "app", 10_000)).rejects.toMatchObject({
      code: "state-unreachable",
    });
  }
});
