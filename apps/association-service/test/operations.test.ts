// Operating by the API: who may, what a replay survives (a cancel, a service that stops, one that dies), and dead letters.
import { eventually } from "@keyferry/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { OPERATED } from "../src/operations/described.ts";
import { startWorld, type World } from "./support/world.ts";

const SECRETS = Array.from({ length: 40 }, (_, index) => `operated-${index}`);
const SLOWLY = 4; // pairs a second: ten seconds for all

let world: World;

beforeAll(async () => {
  world = await startWorld();
  await world.createDestination("operated");
  for (const path of SECRETS) {
    await world.write(path);
    await world.set("operated", path);
    await world.observe(path);
  }
});
afterAll(() => world[Symbol.asyncDispose]());

const start = async (body: object = {}, kind = "resync"): Promise<string> => {
  const { status, data, text } = await world.call("PUT", `sys/sync/operations/${kind}`, body);
  if (status !== 200) throw new Error(text);
  return String(data["id"]);
};

const operation = async (id: string) => {
  const { data } = await world.call("GET", `sys/sync/operations/${id}`);
  return data as { state: string; progress: Record<string, number> };
};

const done = (id: string) =>
  eventually(async () => operation(id), {
    what: `the operation ${id} to be done`,
    until: ({ state }) => state === "done",
    timeoutMs: 60_000,
  });

test("every operation takes a right on its own path: a token without any is refused by each", async () => {
  const token = await world.tokenFor('path "x" { capabilities = ["read"] }');
  for (const { path, methods } of OPERATED) {
    const called = path.slice(1).replaceAll(/\{\w+\}/g, "x2abcdefghijklmnopqr");
    const [method = "get"] = methods;
    const list = called.endsWith("/") ? "?list=true" : "";
    const body = method === "get" || method === "delete" ? undefined : {};
    const { status } = await world.call(method.toUpperCase(), `${called}${list}`, body, { token });
    expect({ path, status }).toEqual({ path, status: 403 });
  }
});

test("a resync goes through every association and orders nothing that is as it should be", async () => {
  const { progress } = await done(await start());
  expect(progress).toMatchObject({ total: SECRETS.length, done: SECRETS.length, failed: 0 });
  const again = await done(await start());
  expect(again.progress).toMatchObject({ ordered: 0, unchanged: SECRETS.length });
});

test("a replay goes through what changed in its span alone, of these the paths that match", async () => {
  const begun = new Date().toISOString();
  await world.write("operated-1");
  await world.observe("operated-1");
  await world.write("operated-2");
  await world.observe("operated-2");
  const all = await done(await start({ since: begun }, "replay"));
  expect(all.progress).toMatchObject({ total: 2 });
  const one = await done(await start({ since: begun, path: "*-2" }, "replay"));
  expect(one.progress).toMatchObject({ total: 1 });
});

test("a cancelled operation stops, and resumed it goes on from where it was", async () => {
  const id = await start({ per_second: SLOWLY });
  await eventually(async () => (await operation(id)).progress["done"] ?? 0, {
    what: "the first chunk",
    until: (count) => count > 0,
  });
  expect((await world.call("PUT", `sys/sync/operations/${id}/cancel`)).data["state"]).toBe("cancelled");
  const stopped = await operation(id);
  expect(stopped.progress["done"]).toBeLessThan(SECRETS.length);
  await world.call("PUT", `sys/sync/operations/${id}/resume`);
  expect((await done(id)).progress).toMatchObject({ total: SECRETS.length, done: SECRETS.length });
  expect((await world.call("PUT", `sys/sync/operations/${id}/resume`)).status).toBe(400);
});

test("an operation whose service stops is gone on with by another one", async () => {
  const id = await start({ per_second: SLOWLY });
  await eventually(async () => (await operation(id)).progress["done"] ?? 0, {
    what: "the first chunk",
    until: (count) => count > 0,
  });
  await world.restart();
  expect((await done(id)).progress).toMatchObject({ done: SECRETS.length, failed: 0 });
});

test("an operation whose service has died is taken over when its heartbeat has stayed away", async () => {
  const id = await start({ per_second: 1 });
  const taken = await eventually(() => world.bus.operations.get(`operation.${id}`), {
    what: "the operation to be taken up",
    until: (entry) => entry?.value.worker !== null && entry !== undefined,
  });
  if (taken === undefined) throw new Error("there is no operation");
  await world.call("PUT", `sys/sync/operations/${id}/cancel`);
  const cancelled = await world.bus.operations.get(`operation.${id}`);
  // As a service would have left it that was killed: somebody works on it who is not there.
  const dead = { ...taken.value, options: { namespace: "" }, worker: { id: "dead", until: 0 } };
  await world.bus.operations.put(`operation.${id}`, dead, cancelled?.sequence ?? 0);
  expect((await done(id)).state).toBe("done");
}, 90_000);

test("a time before the log, and what can't be read, is refused with what would be right", async () => {
  const old = await world.call("PUT", "sys/sync/operations/replay", { since: "2020-01-01T00:00:00Z" });
  expect(old).toMatchObject({ status: 400, errors: [expect.stringContaining("use resync")] });
  const wrong = await world.call("PUT", "sys/sync/operations/replay", {
    since: "now",
    path: "a//b",
    rate: 1,
  });
  expect(wrong.status).toBe(400);
  expect(wrong.errors).toEqual([
    expect.stringMatching(/^since .*ISO 8601/),
    expect.stringMatching(/^path .*empty part/),
    expect.stringMatching(/^rate is not known here: known are since/),
  ]);
  const nobody = await world.call("PUT", "sys/sync/operations/resync", { destination: "nothing" });
  expect(nobody).toMatchObject({ status: 404, errors: [expect.stringContaining("there are operated")] });
});

test("a dead letter is listed with its secret, retried, and dropped", async () => {
  const { uid } = await world.destination("operated");
  const key = await world.keyOf("operated-3");
  const letter = {
    major: 1 as const,
    service: "azure-sink",
    subject: "x",
    sequence: 1,
    reason: "foreign-owner",
    error: { code: "foreign-owner", message: "somebody else's", advice: "rename it" },
    at: new Date().toISOString(),
  };
  await world.bus.deadLetters.publish(letter, uid, key);
  const { data } = await world.call("GET", "sys/sync/dlq?list=true");
  const [found] = data["letters"] as { sequence: number; secret: string; advice: string }[];
  expect(found).toMatchObject({ secret: "secret/operated-3", advice: "rename it", retryable: true });
  const path = `sys/sync/dlq/${found?.sequence}`;
  expect((await world.call("PUT", `${path}/retry`)).data).toMatchObject({ ordered: true });
  expect((await world.call("GET", path)).status).toBe(404);
  await world.bus.deadLetters.publish(letter);
  const [other] = (await world.call("GET", "sys/sync/dlq?list=true")).data["keys"] as string[];
  expect((await world.call("PUT", `sys/sync/dlq/${other}/retry`)).status).toBe(400);
  expect((await world.call("DELETE", `sys/sync/dlq/${other}`)).status).toBe(204);
  expect((await world.call("GET", "sys/sync/dlq?list=true")).status).toBe(404);
});

test("the feed tells what happens after the cursor, once", async () => {
  const first = await world.call("GET", "sys/sync/history/feed");
  await world.write("operated-4");
  await world.observe("operated-4");
  const second = await world.call("GET", `sys/sync/history/feed?after=${String(first.data["cursor"])}`);
  expect(second.data["entries"]).toMatchObject([{ kind: "source", secret: "secret/operated-4" }]);
  const third = await world.call(
    "GET",
    `sys/sync/history/feed?after=${String(second.data["cursor"])}&wait_s=0`,
  );
  expect(third.data["entries"]).toEqual([]);
  expect((await world.call("GET", "sys/sync/history/feed?after=x")).status).toBe(400);
});
