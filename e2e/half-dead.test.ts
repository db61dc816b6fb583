// Commands against a half-dead system: each says which part is down, what it still knows and what to do, and none hangs.
import { eventually, type Stack, STACK_MOUNT, startStack, VaultApi } from "@keyferry/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { keyferry } from "./support/keyferry.ts";
import { runFolder } from "./support/run-folder.ts";
import { associate, createDestination, rows } from "./support/sync-api.ts";

let folder: Awaited<ReturnType<typeof runFolder>>;
let stack: Stack;

beforeAll(async () => {
  folder = await runFolder();
  stack = await startStack({ dir: folder.path, sourcePersistent: true, keyVault: { limits: "off" } });
  await createDestination(stack, "kv-half");
  const source = new VaultApi(stack.openbao.url, stack.openbao.rootToken);
  await source.putSecret(STACK_MOUNT, "app", { value: "one" });
  await associate(stack, "kv-half", "app");
  await eventually(async () => (await rows(stack, "kv-half"))[0]?.sync_status, {
    what: "the secret to be synced",
    until: (status) => status === "SYNCED",
  });
});

afterAll(async () => {
  await stack.stop();
  await folder[Symbol.asyncDispose]();
});

/** Every command that asks for something, none of which changes anything where it is refused. */
const COMMANDS: readonly (readonly string[])[] = [
  ["status", "kv-half"],
  ["status", "--secret", "my-kv/app"],
  ["history"],
  ["events"],
  ["plan", "rule", "kv-half", "--mounts", "my-kv"],
  ["plan", "approval", "kv-half"],
  ["plan", "destination", "kv-half"],
  ["replay", "--since", "1h"],
  ["resync"],
  ["operations", "list"],
  ["adopt", "kv-half"],
  ["drift", "check", "kv-half"],
  ["drift", "report", "kv-half"],
  ["orphans", "list", "kv-half"],
  ["dlq", "list"],
  ["held", "list", "kv-half"],
  ["pause"],
  ["rules", "list", "kv-half"],
  ["hint", "my-kv/app"],
  ["confirm"],
  ["export"],
  ["policy", "azure"],
];

async function eachSays(words: RegExp): Promise<void> {
  const ends: string[] = [];
  // Some at a time: each is a process.
  for (let at = 0; at < COMMANDS.length; at += 4) {
    const some = COMMANDS.slice(at, at + 4).map(async (args) => {
      const { code, stderr } = await keyferry(stack, args);
      if (code !== 5 || !words.test(stderr)) ends.push(`${args.join(" ")}: ${code} ${stderr}`);
    });
    await Promise.all(some);
  }
  expect(ends).toEqual([]);
}

test("without NATS every command names it; status and doctor tell what was known before", async () => {
  await stack.nats.kill();
  try {
    await eventually(async () => (await keyferry(stack, ["pause"])).code === 5, {
      what: "NATS to be missed",
    });
    await eachSays(/NATS is not reachable/);
    const status = await keyferry(stack, ["status"]);
    expect(status.code).toBe(5);
    expect(status.stdout).toMatch(/! NATS is not reachable: .*known before/);
    expect(status.stdout).toMatch(/kv-half +active +1 +1 /);
    expect(status.stdout).toMatch(/source main +- +ready/);
    const doctor = await keyferry(stack, ["doctor"]);
    expect(doctor.code).toBe(1);
    expect(doctor.stdout).toMatch(/✗ nats: NATS is not reachable/);
    expect(doctor.stdout).not.toContain("No azure-sink answers");
  } finally {
    await stack.nats.start();
  }
  await eventually(async () => (await keyferry(stack, ["status", "kv-half"])).code === 0, {
    what: "an answer again",
    timeoutMs: 60_000,
  });
}, 240_000);

test("without the source, who calls can't be known: every command says so, and tells nothing else", async () => {
  await stack.openbao.kill();
  try {
    await eventually(
      async () => (await keyferry(stack, ["pause"])).stderr.includes("the source is not available"),
      { what: "the source to be missed", timeoutMs: 60_000 },
    );
    await eachSays(/the source is not available/);
    const doctor = await keyferry(stack, ["doctor"]);
    expect(doctor).toMatchObject({ code: 1 });
    expect(doctor.stdout).toContain("Start the source");
  } finally {
    await stack.openbao.start();
  }
  await eventually(async () => (await keyferry(stack, ["status", "kv-half"])).code === 0, {
    what: "an answer again",
    timeoutMs: 60_000,
  });
}, 240_000);

test("without a sink what needs one says so, and the rest works", async () => {
  await stack.services["azure-sink"].kill();
  try {
    const status = await keyferry(stack, ["status"]);
    expect(status.stdout).toContain("! No azure-sink answers");
    expect(status.stdout).toMatch(/kv-half +active +1 +1 /);
    for (const args of [
      ["drift", "check", "kv-half"],
      ["orphans", "list", "kv-half"],
    ]) {
      const { code, stderr } = await keyferry(stack, args);
      expect({ args, code, stderr }).toMatchObject({
        code: 5,
        stderr: expect.stringContaining("No azure-sink answers"),
      });
    }
    expect((await keyferry(stack, ["resync", "--dry-run"])).code).toBe(0);
  } finally {
    await stack.services["azure-sink"].start();
  }
}, 180_000);

test("without a change-detector a hint is refused rather than lost", async () => {
  await stack.services["change-detector"].kill();
  try {
    const { code, stderr } = await keyferry(stack, ["hint", "my-kv/app"]);
    expect(code).toBe(5);
    expect(stderr).toContain("no change-detector answers");
    expect((await keyferry(stack, ["status"])).stdout).toContain("! No change-detector answers");
  } finally {
    await stack.services["change-detector"].start();
  }
}, 120_000);
