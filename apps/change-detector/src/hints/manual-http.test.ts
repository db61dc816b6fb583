import type { Hint } from "@keyferry/contracts";
import { SecretValue } from "@keyferry/ports";
import { afterEach, expect, test } from "vitest";
import { openManualHttp } from "./manual-http.ts";

const closers: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function open(options: { token?: string; namespace?: string } = {}) {
  const hints: Hint[] = [];
  const http = await openManualHttp({
    listen: { host: "127.0.0.1", port: 0 },
    key: "changeDetector.hints.manual.listen",
    namespace: options.namespace ?? "",
    token: options.token === undefined ? undefined : new SecretValue(options.token),
    hints: { publish: (hint) => hints.push(hint) },
  });
  closers.push(() => http.close());
  const post = async (body: unknown, headers: Record<string, string> = {}) => {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    const answer = await fetch(`http://${http.address}/`, { method: "POST", body: text, headers });
    return [answer.status, await answer.json()] as const;
  };
  return { hints, post, url: `http://${http.address}/` };
}

test("a secret, a mount, everything, and many secrets at once", async () => {
  const { hints, post } = await open({ namespace: "own" });
  expect(await post({ mount: "team/kv/", path: "app/db", version: 7 })).toEqual([202, { accepted: 1 }]);
  expect(await post({ namespace: "ns1/", mount: "kv" })).toEqual([202, { accepted: 1 }]);
  expect(await post({})).toEqual([202, { accepted: 1 }]);
  const many = Array.from({ length: 1_000 }, (_, index) => ({ mount: "kv", path: `p-${index}` }));
  expect(await post({ hints: many })).toEqual([202, { accepted: 1_000 }]);
  expect(hints.slice(0, 3)).toEqual([
    {
      major: 1,
      namespace: "own",
      mount: "team/kv",
      path: "app/db",
      operation: "write",
      minVersion: 7,
      channel: "manual",
    },
    { major: 1, namespace: "ns1", mount: "kv", operation: "look", channel: "manual" },
    { major: 1, namespace: "", mount: "", operation: "look", channel: "manual" },
  ]);
  expect(hints).toHaveLength(1_003);
});

test("what is no hint is refused whole, with the reason, and gives none", async () => {
  const { hints, post, url } = await open();
  const refused = [
    "garbage",
    "[]",
    { mount: "kv", path: "a", operation: "delete" },
    { path: "a" },
    { mount: "kv", path: "a/../b" },
    { mount: "" },
    { hints: [] },
    {
      hints: [
        { mount: "kv", path: "fine" },
        { mount: "kv", path: "a//b" },
      ],
    },
    { hints: Array.from({ length: 1_001 }, () => ({ mount: "kv", path: "a" })) },
  ];
  for (const body of refused) expect((await post(body))[0]).toBe(400);
  expect((await post(" ".repeat(1024 * 1024 + 1)))[0]).toBe(413);
  expect((await fetch(url)).status).toBe(405);
  expect(hints).toEqual([]);
});

test("with a token configured, who does not send it is refused, whatever they send", async () => {
  const { hints, post } = await open({ token: "shared" });
  const hint = { mount: "kv", path: "a" };
  for (const authorization of ["", "shared", "Bearer share", "Bearer shared2", "bearer shared"]) {
    expect((await post(hint, { authorization }))[0]).toBe(401);
  }
  expect(hints).toEqual([]);
  expect((await post(hint, { authorization: "Bearer shared" }))[0]).toBe(202);
});
