// Rules on the whole system as processes: secrets opt in by their own metadata, and Key Vault shows what follows. Judged by
// the emulator's state.
import { eventually, type Stack, STACK_MOUNT, startStack, VaultApi } from "@keyferry/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { liveSecrets } from "./support/emulated-vault.ts";
import { runFolder } from "./support/run-folder.ts";
import { createDestination, dissociate } from "./support/sync-api.ts";

const VAULT = "ruled";

let folder: Awaited<ReturnType<typeof runFolder>>;
let stack: Stack;
let source: VaultApi;

beforeAll(async () => {
  folder = await runFolder();
  stack = await startStack({
    dir: folder.path,
    keyVault: {
      softDelete: { deletingMs: 300, recoverReadableMs: 100, recoverWritableMs: 500, purgingMs: 300 },
    },
  });
  source = new VaultApi(stack.openbao.url, stack.openbao.rootToken);
  await createDestination(stack, VAULT);
  await createDestination(stack, "narrow");
});

afterAll(async () => {
  await stack.stop();
  await folder[Symbol.asyncDispose]();
});

const namesAre = (wanted: readonly (string | RegExp)[], vault = VAULT): Promise<readonly string[]> =>
  eventually(async () => [...(await liveSecrets(stack, vault)).keys()].sort(), {
    what: `the names ${wanted.join(", ")} in ${vault}`,
    until: (names) =>
      names.length === wanted.length &&
      names.every((name, index) => {
        const want = wanted[index] ?? "";
        return typeof want === "string" ? name === want : want.test(name);
      }),
    timeoutMs: 40_000,
  });

const opt = (path: string, sync: string): Promise<unknown> =>
  source.expect("POST", `${STACK_MOUNT}/metadata/${path}`, { custom_metadata: { sync } });

test("a secret opts in by its own metadata and out again, one that comes later too", async () => {
  await source.putSecret(STACK_MOUNT, "early", { a: "1" });
  await opt("early", "yes");
  await source.putSecret(STACK_MOUNT, "never", { a: "1" });
  await stack.vault.expect("PUT", `sys/sync/rules/azure-kv/${VAULT}/opt-in`, {
    mounts: STACK_MOUNT,
    custom_metadata: "sync=yes",
  });
  await namesAre(["early"]);
  await source.putSecret(STACK_MOUNT, "late", { a: "1" });
  await opt("late", "yes");
  await namesAre(["early", "late"]);
  await opt("early", "no");
  expect(await namesAre(["late"])).toEqual(["late"]);
});

test("name-squatting: a path that Key Vault can't tell from another gets a hash, and the plain one its plain name", async () => {
  await source.putSecret(STACK_MOUNT, "x_y", { a: "squatter" });
  await opt("x_y", "yes");
  await source.putSecret(STACK_MOUNT, "x-y", { a: "owner" });
  await opt("x-y", "yes");
  await namesAre(["late", "x-y", /^x-y-[a-z2-7]{12}$/]);
  expect((await liveSecrets(stack, VAULT)).get("x-y")?.value).toBe('{"a":"owner"}');
});

test("two rule-made associations that want one name: who has it keeps it, though nobody stored either", async () => {
  await source.putSecret(STACK_MOUNT, "team/one", { a: "one" });
  await opt("team/one", "shared");
  await stack.vault.expect("PUT", "sys/sync/rules/azure-kv/narrow/shared", {
    mounts: STACK_MOUNT,
    custom_metadata: { sync: "shared" },
    secret_name_template: "shared",
  });
  await namesAre(["shared"], "narrow");
  await source.putSecret(STACK_MOUNT, "team/two", { a: "two" });
  await opt("team/two", "shared");
  await eventually(
    async () => {
      const answer = await stack.vault.expect("GET", "sys/sync/destinations/azure-kv/narrow/associations");
      const rows = Object.values(answer["associated_secrets"] as Record<string, Record<string, unknown>>);
      return rows.find((row) => row["secret_name"] === "team/two")?.["reason"];
    },
    {
      what: "the second to be refused",
      until: (reason) => String(reason).includes("name-taken"),
      timeoutMs: 40_000,
    },
  );
  expect((await liveSecrets(stack, "narrow")).get("shared")?.value).toBe('{"a":"one"}');
});

test("rule-makes-it-again: what a person removes stays away; when the rule goes, the rest goes", async () => {
  await dissociate(stack, VAULT, "late");
  await namesAre(["x-y", /^x-y-[a-z2-7]{12}$/]);
  await source.putSecret(STACK_MOUNT, "late", { a: "2" });
  await stack.vault.expect("DELETE", `sys/sync/rules/azure-kv/${VAULT}/opt-in`);
  expect(await namesAre([])).toEqual([]);
});
