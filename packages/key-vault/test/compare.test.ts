// The one read of a value: whether a version holds a certain one. Only the verdict leaves the package (P5).
import { type LogFields, type Logger, SecretValue } from "@keyferry/ports";
import { Canary } from "@keyferry/testkit";
import { expect, test } from "vitest";
import { call, optionsFor, rejection, startWorld } from "./world.ts";

async function put(vault: Awaited<ReturnType<typeof startWorld>>["vault"], value: string, enabled = true) {
  const written = await vault.put("a", { value: new SecretValue(value), tags: {}, enabled }, call());
  if (written.kind !== "put") throw new Error("it was not written");
  return written.version;
}

test("says the same of the very value, and different of any other, of the version that is named", async () => {
  await using world = await startWorld();
  const { vault } = world;
  const first = await put(vault, "pässwörd");
  const second = await put(vault, "");
  const verdict = (version: string, value: string) =>
    vault.compare("a", version, new SecretValue(value), call());
  expect(await verdict(first, "pässwörd")).toBe("same");
  expect(await verdict(first, "pässwörd ")).toBe("different");
  expect(await verdict(first, "")).toBe("different");
  expect(await verdict(second, "")).toBe("same");
});

test("a version that is disabled, or that the role may not read, is an error with its code", async () => {
  await using world = await startWorld();
  const version = await put(world.vault, "x", false);
  expect(await rejection(world.vault.compare("a", version, new SecretValue("x"), call()))).toMatchObject({
    code: "vault-denied",
  });
});

test("neither value gets into errors or logs", async () => {
  const canary = new Canary();
  await using world = await startWorld();
  const lines: unknown[] = [];
  const keep = (fields: LogFields, message: string) => void lines.push(fields, message);
  const logger: Logger = { debug: keep, info: keep, warn: keep, error: keep, child: () => logger };
  const vault = world.connect(optionsFor(world.emulator, logger));
  const version = await put(vault, canary.value("there"));
  const wished = new SecretValue(canary.value("wished"));
  expect(await vault.compare("a", version, wished, call())).toBe("different");
  world.emulator.faults.add({ fault: { kind: "truncated-json" }, operations: ["get"] });
  const error = await rejection(vault.compare("a", version, wished, call()));
  expect(canary.searchText(JSON.stringify([lines, error, String(error)]))).toEqual([]);
});
