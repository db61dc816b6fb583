// Pausing and resuming by the API: what is written for the sinks, and what an association says meanwhile.
import { PAUSES_KEY } from "@keyferry/bus";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { startWorld, type World } from "./support/world.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld();
  for (const name of ["one", "two"]) await world.createDestination(name);
  for (const path of ["app/a", "b"]) await world.write(path);
  for (const name of ["one", "two"]) for (const path of ["app/a", "b"]) await world.set(name, path);
});
afterAll(() => world[Symbol.asyncDispose]());
beforeEach(async () => {
  for (const body of [{}, { destination: "one" }, { destination: "two" }]) await resume(body);
});

const PAUSE = "sys/sync/pause";
const NOTHING = { all: null, destinations: {}, associations: [] };
const pause = (body: unknown) => world.call("PUT", PAUSE, body);
const resume = (body: unknown) => world.call("POST", "sys/sync/resume", body);
const stored = async () => (await world.bus.pauses.get(PAUSES_KEY))?.value;
const since = expect.stringMatching(/^\d{4}-\d\d-\d\dT/);

async function rowOf(destination: string, path: string): Promise<Record<string, unknown>> {
  const read = await world.call("GET", `sys/sync/destinations/azure-kv/${destination}/associations`);
  const rows = Object.values(read.data["associated_secrets"] as Record<string, Record<string, unknown>>);
  const found = rows.find((row) => row["secret_name"] === path);
  if (found === undefined) throw new Error(`no row of ${path}`);
  return found;
}

describe("pausing", () => {
  test("everything: sinks read it, every association says it, and resuming takes it away", async () => {
    expect((await pause({ reason: "maintenance" })).data).toEqual({
      ...NOTHING,
      all: { since, reason: "maintenance" },
    });
    expect(await stored()).toMatchObject({ all: { reason: "maintenance" } });
    expect(await rowOf("one", "b")).toMatchObject({
      sync_status: "PENDING",
      reason: "paused: nothing is written until it is resumed (maintenance)",
      next_step: expect.stringContaining("sys/sync/resume"),
    });
    expect((await world.call("GET", PAUSE)).data).toMatchObject({ all: { reason: "maintenance" } });
    expect((await resume({})).data).toEqual(NOTHING);
    expect((await rowOf("one", "b"))["reason"]).not.toMatch(/^paused/);
  });

  test("a destination, by its name or with its type: the others go on", async () => {
    const { uid } = await world.destination("one");
    expect((await pause({ destination: "azure-kv/one" })).data).toEqual({
      ...NOTHING,
      destinations: { "azure-kv/one": { since, reason: "" } },
    });
    expect((await stored())?.destinations).toEqual({ [uid]: { since, reason: "" } });
    expect((await rowOf("one", "b"))["reason"]).toMatch(/^paused: nothing is written until it is resumed$/);
    expect((await rowOf("two", "b"))["reason"]).not.toMatch(/^paused/);
    expect((await resume({ destination: "one" })).data).toEqual(NOTHING);
  });

  test("a secret, in one destination or in all of its own", async () => {
    const named = { mount: "secret/", secret_name: "app/a" };
    const inOne = await pause({ ...named, destination: "two", reason: "r" });
    const shown = { mount: "secret", secret_name: "app/a", since, reason: "r" };
    expect(inOne.data).toEqual({ ...NOTHING, associations: [{ destination: "azure-kv/two", ...shown }] });
    const { uid } = await world.destination("two");
    expect(Object.keys((await stored())?.associations ?? {})).toEqual([
      `${uid}.${await world.keyOf("app/a")}`,
    ]);
    const inAll = await pause(named);
    expect(inAll.data["associations"]).toHaveLength(2);
    expect((await rowOf("two", "app/a"))["reason"]).toMatch(/^paused/);
    expect((await rowOf("two", "b"))["reason"]).not.toMatch(/^paused/);
    expect((await resume({ ...named, destination: "two" })).data["associations"]).toHaveLength(1);
    expect((await resume(named)).data).toEqual(NOTHING);
  });

  test("pausing again keeps the time, and the reason unless another is given", async () => {
    const first = await pause({ destination: "one", reason: "r" });
    const again = await pause({ destination: "one" });
    expect(again.data).toEqual(first.data);
    const other = await pause({ destination: "one", reason: "s" });
    const of = ({ data }: typeof first) =>
      (data["destinations"] as Record<string, { since: string; reason: string }>)["azure-kv/one"];
    expect(of(other)).toEqual({ since: of(first)?.since, reason: "s" });
  });

  test("resuming takes exactly the pause that it names; a wider one still counts", async () => {
    await pause({});
    await pause({ destination: "one" });
    expect((await resume({ destination: "one" })).data["all"]).not.toBeNull();
    expect((await rowOf("one", "b"))["reason"]).toMatch(/^paused/);
    expect((await resume({ destination: "two" })).status).toBe(200);
  });

  test("a destination's pause goes with the destination, at the next change", async () => {
    await world.createDestination("short");
    await pause({ destination: "short" });
    expect((await world.call("DELETE", "sys/sync/destinations/azure-kv/short")).status).toBe(204);
    expect((await world.call("GET", PAUSE)).data).toEqual(NOTHING);
    await pause({ destination: "one" });
    expect(Object.keys((await stored())?.destinations ?? {})).toHaveLength(1);
  });

  test("four at once are all there", async () => {
    const secrets = ["app/a", "b"].map((secret_name) => ({ mount: "secret", secret_name }));
    await Promise.all([...secrets, { destination: "one" }, { destination: "two" }].map(pause));
    const { data } = await world.call("GET", PAUSE);
    expect(data["associations"]).toHaveLength(4);
    expect(Object.keys(data["destinations"] as object)).toEqual(["azure-kv/one", "azure-kv/two"]);
    for (const secret of secrets) await resume(secret);
  });
});

describe("what can't be paused", () => {
  test.each([
    [
      "a destination that is not there",
      { destination: "none" },
      404,
      /no destination none here: there are one, two/,
    ],
    [
      "a secret without association",
      { mount: "secret", secret_name: "c" },
      404,
      /secret\/c has no association/,
    ],
    ["a mount alone", { mount: "secret" }, 400, /^secret_name is missing/],
    ["a name alone", { secret_name: "b" }, 400, /^mount is missing/],
    ["a reason that is too long", { reason: "x".repeat(257) }, 400, /^reason is longer/],
    ["no text", { destination: {} }, 400, /^destination is not text/],
  ])("%s", async (_what, body, status, message) => {
    const answer = await pause(body);
    expect([answer.status, answer.errors.join()]).toEqual([status, expect.stringMatching(message)]);
    expect((await world.call("GET", PAUSE)).data).toEqual(NOTHING);
  });

  test("everything, from a namespace; what is paused elsewhere is not shown there", async () => {
    await world.vault("POST", "sys/namespaces/team", {});
    const headers = { "x-vault-namespace": "team" };
    const refused = await world.call("PUT", PAUSE, {}, { headers });
    expect([refused.status, refused.errors.join()]).toEqual([
      400,
      expect.stringMatching(/^destination is missing/),
    ]);
    await pause({ destination: "one" });
    expect((await world.call("GET", PAUSE, undefined, { headers })).data).toEqual(NOTHING);
    const other = await world.call("PUT", PAUSE, { destination: "one" }, { headers });
    expect(other.status).toBe(404);
  });

  test.each([
    ["GET", PAUSE, "read"],
    ["PUT", PAUSE, "update"],
    ["POST", "sys/sync/resume", "create"],
  ] as const)("%s %s takes %s on the path", async (method, path, capability) => {
    const body = method === "GET" ? undefined : { destination: "one" };
    const without = await world.tokenFor(`path "${path}" { capabilities = ["list", "delete", "patch"] }`);
    expect((await world.call(method, path, body, { token: without })).status).toBe(403);
    const token = await world.tokenFor(`path "${path}" { capabilities = ["${capability}"] }`);
    expect((await world.call(method, path, body, { token })).status).toBe(200);
  });
});
