// docs/operations/lost-nats.md: NATS is away for a while, and then away with all its data. Nothing is deleted. Without
// data the instance is another one: sinks write nothing until a person has said which one it is; the configuration comes
// back from an export.
import { bucketSubject } from "@keyferry/bus";
import { cp, rm } from "node:fs/promises";
import { join } from "node:path";
import { eventually, type Stack, natsRequest } from "@keyferry/testkit";
import { expect, test } from "vitest";
import { FIRST, startDisaster } from "../support/disaster.ts";
import { DEFAULT_CLIENT_SECRET } from "@keyferry/key-vault-emulator";
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
  const { stack, source } = disaster;
  const { stdout } = await keyferry(stack, ["export"]);
  await stack.nats.kill();
  await rm(jetStreamFolder(stack), { recursive: true });
  await stack.nats.start();
  await restartServices(stack);
  await eventually(async () => (await keyferry(stack, ["status"])).code === 0, {
    what: "the API on an empty NATS",
    timeoutMs: 90_000,
  });
  const doctor = await keyferry(stack, ["doctor"]);
  expect(doctor.stdout).toMatch(/azure-sink \S+ waits: .*of another: nothing is written/);
  await disaster.expectWritten(3);

  // As the page says: the old id, then the services anew, then the export.
  const { data } = (await source.expect("GET", "keyferry/data/instance/id")) as { data: { id: string } };
  await giveInstance(stack, data.id);
  await restartServices(stack);
  const exported = stdout.replace(
    "    name: nats-lost\n",
    "    name: nats-lost\n    client_secret_env: SECRET_OF_VAULT\n",
  );
  await eventually(
    async () =>
      (
        await keyferry(stack, ["apply", "-f", "-"], {
          stdin: exported,
          env: { SECRET_OF_VAULT: DEFAULT_CLIENT_SECRET },
        })
      ).code === 0,
    { what: "the configuration to be applied", timeoutMs: 90_000 },
  );
  await disaster.change("app-one", "second");
  await disaster.inStep({ ...FIRST, "app-one": "second" }, 120_000);
  expect((await disaster.written()).deletes).toBe(0);
}, 300_000);

async function restartServices(stack: Stack): Promise<void> {
  for (const service of Object.values(stack.services)) await service.kill();
  // Sinks are not ready while the instance is not clear.
  for (const service of Object.values(stack.services)) void service.start().catch(() => undefined);
}

async function giveInstance(stack: Stack, instanceId: string): Promise<void> {
  const subject = bucketSubject("config", "instance");
  const { message } = (await natsRequest(stack.nats.port, "$JS.API.STREAM.MSG.GET.KV_config", {
    last_by_subj: subject,
  })) as { message: { data: string } };
  const record = JSON.parse(Buffer.from(message.data, "base64").toString("utf8")) as object;
  await natsRequest(stack.nats.port, subject, { ...record, instanceId });
}
