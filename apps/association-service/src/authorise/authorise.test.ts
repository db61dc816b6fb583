import { SecretValue, systemRandom } from "@keyferry/ports";
import { describe, expect, test } from "vitest";
import { Authoriser, grants } from "./authorise.ts";
import { callerOf } from "./caller.ts";

function authoriserWith(capabilities: string[]) {
  const state = { now: 0, asked: 0 };
  const authoriser = new Authoriser({
    source: {
      capabilitiesSelf: async (_caller, paths) => {
        state.asked += 1;
        return { kind: "granted", capabilities: new Map(paths.map((path) => [path, capabilities])) };
      },
    },
    clock: { now: () => state.now, sleep: async () => undefined },
    random: systemRandom,
  });
  return { authoriser, state, capabilities };
}

const caller = { token: new SecretValue("t"), namespace: "" };
const READ = { path: "sys/sync/x", anyOf: ["read"] } as const;

describe("the cache", () => {
  test("a read is asked once in ten seconds, per token, namespace and path", async () => {
    const { authoriser, state } = authoriserWith(["read"]);
    await authoriser.read(caller, READ);
    await authoriser.read(caller, READ);
    expect(state.asked).toBe(1);
    await authoriser.read({ ...caller, token: new SecretValue("u") }, READ);
    await authoriser.read({ ...caller, namespace: "ns" }, READ);
    await authoriser.read(caller, { ...READ, path: "sys/sync/y" });
    expect(state.asked).toBe(4);
    state.now = 10_000;
    await authoriser.read(caller, READ);
    expect(state.asked).toBe(5);
  });

  test("a denial that is remembered is still a denial", async () => {
    const { authoriser, state } = authoriserWith(["deny"]);
    await expect(authoriser.read(caller, READ)).rejects.toMatchObject({ status: 403 });
    await expect(authoriser.read(caller, READ)).rejects.toMatchObject({ status: 403 });
    expect(state.asked).toBe(1);
  });

  test("writes are asked for every time", async () => {
    const { authoriser, state } = authoriserWith(["update"]);
    const right = { path: "sys/sync/x", anyOf: ["update"] } as const;
    await authoriser.write(caller, [right]);
    await authoriser.write(caller, [right]);
    expect(state.asked).toBe(2);
  });
});

test.each([
  [["root"], true],
  [["read", "list"], true],
  [["list"], false],
  [["deny"], false],
  [["deny", "read"], false],
  [[], false],
])("capabilities %j grant read: %s", (capabilities, granted) => {
  expect(grants(capabilities, ["read"])).toBe(granted);
});

describe("the caller", () => {
  test.each([
    [{ "x-vault-token": "t" }, "default"],
    [{ "x-vault-token": "t", "x-vault-namespace": "/a/b/" }, "a/b"],
    [{ "x-vault-token": "t", "x-vault-namespace": "root" }, ""],
    [{ authorization: "Bearer t", "x-vault-namespace": "" }, ""],
  ])("%j is in the namespace %j", (headers, namespace) => {
    const found = callerOf(headers, "default");
    expect([found.token.reveal(), found.namespace]).toEqual(["t", namespace]);
  });

  test.each([
    [{}, 403],
    [{ "x-vault-token": "" }, 403],
    [{ "x-vault-token": "t", "x-vault-namespace": "a//b" }, 400],
  ])("%j is refused with %i", (headers, status) => {
    expect(() => callerOf(headers, "")).toThrow(expect.objectContaining({ status }));
  });
});
