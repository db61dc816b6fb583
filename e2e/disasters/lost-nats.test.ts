// docs/operations/lost-nats.md: NATS is away for a while, and then away with all its data. Nothing is deleted. Without
// data the instance is another one: sinks write nothing until a person has said which one it is; the configuration comes
// back from an export.
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { eventually, type Stack } from "@keyferry/testkit";
import { expect, test } from "vitest";
import { FIRST, startDisaster } from "../support/disaster.ts";
import { keyferry } from "../support/keyferry.ts";

const jetStreamFolder = (stack: Stack): string => join(stack.nats.dir, "jetstream");

test("NATS away: the command says so, and what changed meanwhile comes when it is back", async () => {
  await using disaster = await startDisaster("nats-away");
  const { stack } = disaster;
  await stack.nats.kill();
  await disaster.change("app-one", "second");
  await eventually(async () => (await keyferry(stack, ["doctor"])).stdout.includes("NATS is not reachable"), {
    what: "the doctor to find that NATS is away",
  });
  expect((await keyferry(stack, ["status"])).code).toBe(5);
  await stack.nats.start();
  await disaster.inStep({ ...FIRST, "app-one": "second" });
  await disaster.expectWritten(4);
}, 180_000);

test("NATS restored from an older copy: what happened since is found at the source, and written once", async () => {
  await using disaster = await startDisaster("nats-restored");
  const { stack } = disaster;
  const { cp } = await import("node:fs/promises");
  await stack.nats.kill();
  const copy = `${jetStreamFolder(stack)}.copy`;
  await cp(jetStreamFolder(stack), copy, { recursive: true });
  await stack.nats.start();
  await disaster.change("app-one", "second");
  await disaster.inStep({ ...FIRST, "app-one": "second" });
  await stack.nats.kill();
  await rm(jetStreamFolder(stack), { recursive: true });
  await cp(copy, jetStreamFolder(stack), { recursive: true });
  await stack.nats.start();
  await disaster.change("app-two", "second");
  await disaster.inStep({ "app-one": "second", "app-two": "second", "app-three": "first" });
  expect((await disaster.written()).deletes).toBe(0);
}, 180_000);

test("NATS without its data: nothing is written or deleted until a person says that the instance is the same", async () => {
  await using disaster = await startDisaster("nats-lost");
  const { stack } = disaster;
  const exported = (await keyferry(stack, ["export"])).stdout;
  await stack.nats.kill();
  await rm(jetStreamFolder(stack), { recursive: true });
  await stack.nats.start();
  for (const service of Object.values(stack.services)) await service.kill();
  const starting = Object.values(stack.services).map((service) => service.start().catch(() => undefined));
  await eventually(
    async () => (await keyferry(stack, ["apply", "-f", "-"], { stdin: exported })).code === 0,
    { what: "the configuration to be applied to an empty NATS", timeoutMs: 60_000 },
  );
  await disaster.change("app-one", "second");
  await disaster.expectWritten(3);
  void starting;
}, 180_000);
