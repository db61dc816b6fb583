// Each part of the system is killed (SIGKILL) while 100 secrets change, and started again: afterwards all 100 are right
// in Key Vault (P1), and no change has cost a second version (P4).
import { eventually, type Server, type Stack, STACK_MOUNT, startStack, VaultApi } from "@keyferry/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { liveSecrets } from "./support/emulated-vault.ts";
import { runFolder } from "./support/run-folder.ts";
import { associate, createDestination, rows } from "./support/sync-api.ts";

const SECRETS = 100;
/** Deleted in the middle: within what a destination's budget allows without a person. */
const DELETED = 5;
/** Writes in flight at once. */
const WRITERS = 8;

let folder: Awaited<ReturnType<typeof runFolder>>;
let stack: Stack;
let source: VaultApi;

beforeAll(async () => {
  folder = await runFolder();
  stack = await startStack({
    dir: folder.path,
    keyVault: { softDelete: "instant" },
    sweepIntervalS: 10,
    settleIntervalS: 5,
  });
  source = new VaultApi(stack.openbao.url, stack.openbao.rootToken);
});

afterAll(async () => {
  await stack.stop();
  await folder[Symbol.asyncDispose]();
});

async function forEachSecret(
  names: readonly string[],
  work: (name: string) => Promise<unknown>,
): Promise<void> {
  const left = [...names];
  const writer = async (): Promise<void> => {
    for (let name = left.shift(); name !== undefined; name = left.shift()) await work(name);
  };
  await Promise.all(Array.from({ length: WRITERS }, writer));
}

const VICTIMS: readonly (readonly [string, (running: Stack) => Server])[] = [
  ["change-detector", (running) => running.services["change-detector"]],
  ["association-service", (running) => running.services["association-service"]],
  ["azure-sink", (running) => running.services["azure-sink"]],
  ["redis", (running) => running.redis],
  ["nats", (running) => running.nats],
];

test.each(VICTIMS)(
  "%s killed while 100 secrets change and started again: all 100 are right",
  async (victimName, victimOf) => {
    const vault = `kill-${victimName}`.slice(0, 24);
    const names = Array.from({ length: SECRETS }, (_, index) => `${vault}-${index}`);
    await createDestination(stack, vault);
    await forEachSecret(names, (name) => source.putSecret(STACK_MOUNT, name, { round: "1" }));
    await forEachSecret(names, (name) => associate(stack, vault, name));
    // Some are in Key Vault, some are on their way.
    await eventually(async () => (await liveSecrets(stack, vault)).size, {
      what: "the first third to arrive",
      until: (size) => size >= SECRETS / 3,
      timeoutMs: 60_000,
    });

    const victim = victimOf(stack);
    const half = names.slice(0, SECRETS / 2);
    await forEachSecret(half, (name) => source.putSecret(STACK_MOUNT, name, { round: "2" }));
    await victim.kill();
    await forEachSecret(names, (name) => source.putSecret(STACK_MOUNT, name, { round: "3" }));
    const deleted = names.slice(0, DELETED);
    await forEachSecret(deleted, (name) =>
      source.expect("POST", `${STACK_MOUNT}/delete/${name}`, { versions: [1, 2, 3] }),
    );
    await victim.restart();

    const expected = new Map(names.slice(DELETED).map((name) => [name, JSON.stringify({ round: "3" })]));
    await eventually(async () => differences(await liveSecrets(stack, vault), expected), {
      what: "Key Vault to hold the source's state",
      until: (wrong) => wrong.length === 0,
      timeoutMs: 100_000,
    });
    const live = await liveSecrets(stack, vault);
    const tooMany = [...live].filter(([name, { versions }]) => versions.length > sourceVersions(name, names));
    expect(tooMany.map(([name, { versions }]) => [name, versions.length])).toEqual([]);
    await eventually(
      async () => (await rows(stack, vault)).filter(({ sync_status: status }) => status === "SYNCED").length,
      {
        what: "the statuses to say so",
        until: (synced) => synced === SECRETS - DELETED,
        timeoutMs: 60_000,
      },
    );
  },
  240_000,
);

// The first half got three versions, the others two.
function sourceVersions(name: string, names: readonly string[]): number {
  return names.indexOf(name) < SECRETS / 2 ? 3 : 2;
}

function differences(
  live: Awaited<ReturnType<typeof liveSecrets>>,
  expected: ReadonlyMap<string, string>,
): readonly string[] {
  const wrong = [...expected]
    .filter(([name, value]) => live.get(name)?.value !== value)
    .map(([name]) => name);
  const left = [...live.keys()].filter((name) => !expected.has(name));
  return [...wrong, ...left.map((name) => `${name} (to be gone)`)];
}
