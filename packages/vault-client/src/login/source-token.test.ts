import { SecretValue, silentLogger, systemRandom } from "@keyferry/ports";
import { expect, test } from "vitest";
import { createSourceToken, type SourceAuth, type SourceSecrets } from "./source-token.ts";

function open(options: {
  secrets?: SourceSecrets;
  reread?: () => Promise<SourceSecrets>;
  auth?: SourceAuth;
  now?: () => number;
}) {
  const { secrets = {}, reread = async () => secrets, auth, now = () => 0 } = options;
  return createSourceToken({
    source: { address: "http://127.0.0.1:1", namespace: "" },
    ...(auth === undefined ? {} : { auth }),
    secrets,
    rereadSecrets: reread,
    section: "azureSink",
    clock: { now, sleep: () => Promise.reject(new Error("nobody sleeps here")) },
    random: systemRandom,
    logger: silentLogger,
  });
}

const token = (text: string) => ({ token: new SecretValue(text) });

async function ask(source: ReturnType<typeof open>, refused?: string): Promise<string> {
  if (typeof source.token !== "function") throw new Error("not a function");
  return (await source.token(refused === undefined ? undefined : new SecretValue(refused))).reveal();
}

test("a token that is refused to many at once is read again once, and all of them get the new one", async () => {
  const { promise, resolve } = Promise.withResolvers<SourceSecrets>();
  let reads = 0;
  const source = open({
    secrets: token("old"),
    reread() {
      reads += 1;
      return promise;
    },
  });
  expect(await ask(source)).toBe("old");
  const asked = Promise.all(Array.from({ length: 10 }, () => ask(source, "old")));
  resolve(token("new"));
  expect([...new Set(await asked), reads]).toEqual(["new", 1]);
  expect(await ask(source, "old")).toBe("new");
});

test("a path that is denied again and again costs one look at the file in five seconds", async () => {
  let reads = 0;
  let now = 1_000_000;
  const source = open({
    secrets: token("same"),
    now: () => now,
    async reread() {
      reads += 1;
      return token("same");
    },
  });
  for (let call = 0; call < 20; call += 1) await ask(source, "same");
  expect(reads).toBe(1);
  now += 5_001;
  await ask(source, "same");
  expect(reads).toBe(2);
});

test("what a method lacks is named by its key, a file that can't be read without its text", async () => {
  expect(() => open({})).toThrow("azureSink.token is missing");
  expect(() => open({ auth: { method: "approle" } })).toThrow("azureSink.auth.roleId is missing");
  expect(() => open({ auth: { method: "jwt", role: "r" } })).toThrow("azureSink.auth.jwtFile is missing");
  const source = open({ auth: { method: "kubernetes", role: "r", jwtFile: "/nowhere/jwt" } });
  await expect(ask(source)).rejects.toMatchObject({ code: "source-denied", details: { code: "ENOENT" } });
});
