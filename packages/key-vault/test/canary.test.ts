// Hazard error-carries-the-body (P5): whatever goes wrong, neither the secret's value nor the client secret can be dug
// out of what this package throws or logs, however a serialiser walks it.
import { DEFAULT_CLIENT_SECRET, type Fault } from "@keyferry/key-vault-emulator";
import type { LogFields, Logger } from "@keyferry/ports";
import { SecretValue } from "@keyferry/ports";
import { Canary } from "@keyferry/testkit";
import { inspect } from "node:util";
import { expect, test } from "vitest";
import { call, optionsFor, rejection, startWorld } from "./world.ts";

const faults: [string, Fault][] = [
  ["a reset before the effect", { kind: "reset-before" }],
  ["a reset after the effect", { kind: "reset-after" }],
  ["an answer cut short", { kind: "truncated-json" }],
  ["a 400", { kind: "error", status: 400, code: "BadParameter" }],
  ["a 403", { kind: "error", status: 403, code: "Forbidden" }],
  ["a 429", { kind: "error", status: 429, code: "Throttled" }],
  ["a 500", { kind: "error", status: 500 }],
];

test.each(faults)(
  "error-carries-the-body: after %s no error and no log line holds a value or the client secret",
  async (_what, fault) => {
    const canary = new Canary();
    canary.add("client-secret", DEFAULT_CLIENT_SECRET);
    const value = canary.value("value");
    await using world = await startWorld();
    const lines: unknown[] = [];
    const vault = world.connect(optionsFor(world.emulator, recorder(lines)));
    await vault.prime(call());
    world.emulator.faults.add({ fault, operations: ["set"] });
    const error = await rejection(vault.put("a", { value: new SecretValue(value), tags: {} }, call()));
    expect(canary.searchText(dump(error))).toEqual([]);
    expect(canary.searchText(dump(lines))).toEqual([]);
    // The dump can find it: the value itself is found.
    expect(canary.searchText(dump({ request: { body: JSON.stringify({ value }) } }))).not.toEqual([]);
  },
);

test("a dead port, a refused token and a stopped vault leave nothing in errors either", async () => {
  const canary = new Canary();
  const value = canary.value("value");
  const clientSecret = canary.value("client-secret");
  await using world = await startWorld();
  const { credential } = optionsFor(world.emulator);
  const refused = world.connect({
    credential: { ...credential, clientSecret: new SecretValue(clientSecret) },
  });
  const errors = [await rejection(refused.put("a", { value: new SecretValue(value), tags: {} }, call()))];
  await world.emulator.close();
  errors.push(await rejection(world.vault.put("a", { value: new SecretValue(value), tags: {} }, call())));
  errors.push(await rejection(refused.put("a", { value: new SecretValue(value), tags: {} }, call())));
  expect(canary.searchText(dump(errors))).toEqual([]);
  expect(canary.searchText(dump([refused, world.vault]))).toEqual([]);
});

/** Everything a serialiser could reach. */
function dump(thing: unknown): string {
  const options = { depth: 20, showHidden: true, maxStringLength: null, maxArrayLength: null };
  return [
    inspect(thing, options),
    inspect(thing, { ...options, customInspect: false }),
    JSON.stringify(thing, safe()) ?? "",
    thing instanceof Error
      ? `${thing.stack} ${JSON.stringify(thing, Object.getOwnPropertyNames(thing))}`
      : "",
  ].join("\n");
}

function safe(): (key: string, value: unknown) => unknown {
  const seen = new WeakSet();
  return (_key, value) => {
    if (typeof value !== "object" || value === null) return typeof value === "bigint" ? String(value) : value;
    if (seen.has(value)) return "[seen]";
    seen.add(value);
    return value;
  };
}

function recorder(lines: unknown[]): Logger {
  const note = (fields: LogFields, message: string): void => void lines.push({ fields, message });
  return { debug: note, info: note, warn: note, error: note, child: () => recorder(lines) };
}
