// Recovery from the loss of the commands and of all of Redis after 1,000 changes: `keyferry replay` brings every
// association right again, and so does the settle loop alone; neither costs a single Key Vault version (P1, P4).
import { eventually, type Stack, STACK_MOUNT, startStack, VaultApi, natsRequest } from "@keyferry/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { effects } from "./support/emulated-vault.ts";
import { keyferry, keyferryJson } from "./support/keyferry.ts";
import { redisCommand } from "./support/raw-servers.ts";
import { runFolder } from "./support/run-folder.ts";
import { associate, createDestination, dissociate, rows } from "./support/sync-api.ts";

// 200 secrets × 5 destinations: a sink writes 28 names a second to one vault, so five vaults take seven seconds.
const SECRETS = Array.from({ length: 200 }, (_, index) => `app-${String(index).padStart(3, "0")}`);
const DESTINATIONS = ["one", "two", "three", "four", "five"].map((name) => `replay-${name}`);
const ALL = SECRETS.length * DESTINATIONS.length;
const AT_ONCE = 16;

interface DestinationStatus {
  readonly name: string;
  readonly counts: Readonly<Record<string, number>>;
}

describe.each([
  { how: "replay --since", settleIntervalS: 3_600, recover: replay },
  { how: "the settle loop alone", settleIntervalS: 2, recover: async () => undefined },
])("after the loss of commands and Redis, $how", ({ settleIntervalS, recover }) => {
  let folder: Awaited<ReturnType<typeof runFolder>>;
  let stack: Stack;
  let source: VaultApi;

  beforeAll(async () => {
    folder = await runFolder();
    stack = await startStack({
      dir: folder.path,
      settleIntervalS,
      sweepIntervalS: 3_600,
      keyVault: { limits: "off" },
    });
    source = new VaultApi(stack.openbao.url, stack.openbao.rootToken);
  });

  afterAll(async () => {
    await stack.stop();
    await folder[Symbol.asyncDispose]();
  });

  const synced = (): Promise<unknown> =>
    eventually(
      async () => {
        const { destinations } = await keyferryJson(stack, ["status"]);
        return (destinations as DestinationStatus[]).reduce(
          (sum, one) => sum + (one.counts["SYNCED"] ?? 0),
          0,
        );
      },
      { what: `${ALL} associations to be SYNCED`, until: (count) => count === ALL, timeoutMs: 60_000 },
    );

  const puts = async (): Promise<number> => {
    const all = await Promise.all(DESTINATIONS.map((name) => effects(stack, name)));
    return all.flat().filter(({ kind }) => kind === "set").length;
  };

  test("brings every association right with no extra version", async () => {
    const begun = new Date().toISOString();
    for (const name of DESTINATIONS) await createDestination(stack, name);
    await inParallel(SECRETS, (name) => source.putSecret(STACK_MOUNT, name, { value: name }));
    const pairs = SECRETS.flatMap((secret) => DESTINATIONS.map((destination) => ({ secret, destination })));
    await inParallel(pairs, ({ destination, secret }) => associate(stack, destination, secret));
    await synced();
    expect(await puts()).toBe(ALL);
    // One association that a person takes away while its command is lost: it has to go all the same.
    await natsRequest(stack.nats.port, "$JS.API.STREAM.DELETE.SYNC_DESIRED");
    await redisCommand(stack.redis.port, "FLUSHALL");
    await dissociate(stack, "replay-one", "app-007");

    await recover(stack, begun);
    await eventually(async () => (await effects(stack, "replay-one")).some(({ kind }) => kind === "delete"), {
      what: "the removed association's secret to be deleted",
      timeoutMs: 60_000,
    });
    await eventually(
      async () => {
        const { destinations } = await keyferryJson(stack, ["status"]);
        return (destinations as DestinationStatus[]).map(({ counts }) => counts);
      },
      {
        what: "every association to be right",
        timeoutMs: 60_000,
        until: (counts) => counts.reduce((sum, one) => sum + (one["SYNCED"] ?? 0), 0) === ALL - 1,
      },
    );
    expect(await puts()).toBe(ALL);
  }, 180_000);
});

async function replay(stack: Stack, since: string): Promise<void> {
  const { code, stdout, stderr } = await keyferry(stack, ["replay", "--since", since, "-o", "json"]);
  if (code !== 0 || stderr !== "") throw new Error(`the replay ended with ${code}: ${stderr}`);
  const { progress } = JSON.parse(stdout) as { progress: Readonly<Record<string, number>> };
  if (progress["total"] !== ALL || progress["failed"] !== 0) throw new Error(`the replay: ${stdout}`);
}

async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  const left = [...items];
  const worker = async (): Promise<void> => {
    for (let item = left.pop(); item !== undefined; item = left.pop()) await work(item);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

test("Ctrl-C of a replay leaves it running; it survives the death of the service, and can be cancelled and resumed", async () => {
  await using folder = await runFolder();
  await using stack = await startStack({ dir: folder.path, keyVault: { limits: "off" } });
  const begun = new Date().toISOString();
  await createDestination(stack, "replay-stopped");
  const source = new VaultApi(stack.openbao.url, stack.openbao.rootToken);
  const names = Array.from({ length: 8 }, (_, index) => `app-${index}`);
  for (const name of names) {
    await source.putSecret(STACK_MOUNT, name, { value: name });
    await associate(stack, "replay-stopped", name);
  }
  await eventually(async () => (await rows(stack, "replay-stopped")).map(({ sync_status }) => sync_status), {
    what: "all to be synced",
    until: (all) => all.length === names.length && all.every((one) => one === "SYNCED"),
    timeoutMs: 60_000,
  });
  const interrupted = await keyferry(stack, ["replay", "--since", begun, "--rate", "1"], {
    onOutput: (text) => (text.includes("runs on the server") ? "SIGINT" : undefined),
  });
  expect(interrupted.code).toBe(130);
  const [, id = ""] = /operations wait (\S+)/.exec(interrupted.stderr) ?? [];
  const stateOf = async () => await keyferryJson(stack, ["operations", "show", id]);
  expect(await stateOf()).toMatchObject({ kind: "replay", state: "running" });
  await stack.services["association-service"].restart();
  await keyferryJson(stack, ["operations", "cancel", id]);
  const cancelled = await stateOf();
  expect(cancelled).toMatchObject({ state: "cancelled" });
  expect((cancelled["progress"] as { done: number }).done).toBeLessThan(names.length);
  await keyferryJson(stack, ["operations", "resume", id]);
  const { code, stdout } = await keyferry(stack, ["operations", "wait", id, "-o", "json"]);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    state: "done",
    progress: { total: names.length, done: names.length, unchanged: names.length, failed: 0 },
  });
}, 180_000);
