// Each command of `keyferry` against the running stack, as people type it: what it prints, as a table and as JSON, is
// kept in e2e/transcripts and shown in the manual (docs/cli.md). Times, ids and ages are replaced.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DEFAULT_CLIENT_SECRET } from "@keyferry/key-vault-emulator";
import { eventually, type Stack, STACK_MOUNT, startStack, VaultApi } from "@keyferry/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { writeByHand } from "./support/emulated-vault.ts";
import { keyferry, keyferryJson, type RunOptions } from "./support/keyferry.ts";
import { runFolder } from "./support/run-folder.ts";
import { associate, createDestination, rows } from "./support/sync-api.ts";
import { normalised } from "./support/transcript.ts";

let folder: Awaited<ReturnType<typeof runFolder>>;
let stack: Stack;
let source: VaultApi;

beforeAll(async () => {
  folder = await runFolder();
  stack = await startStack({ dir: folder.path, settleIntervalS: 3_600, keyVault: { limits: "off" } });
  source = new VaultApi(stack.openbao.url, stack.openbao.rootToken);
  for (const name of ["kv-empty", "kv-prod", "kv-test"]) await createDestination(stack, name);
  for (const name of ["app-db", "app-web", "big"])
    await source.putSecret(STACK_MOUNT, name, { value: "one" });
  // Somebody else's secret under a wished name, and one that Key Vault does not take.
  await writeByHand(stack, "kv-test", "app-web", "theirs");
  await source.putSecret(STACK_MOUNT, "big", { value: "x".repeat(30_000) });
  for (const name of ["app-db", "app-web"]) await associate(stack, "kv-prod", name);
  await status("kv-prod", "app-web", "SYNCED");
  // One after the other, so that their letters have one order.
  await associate(stack, "kv-test", "app-web");
  await status("kv-test", "app-web", "CLIENT_SIDE_ERROR");
  await associate(stack, "kv-test", "big");
  await status("kv-test", "big", "CLIENT_SIDE_ERROR");
  await source.putSecret(STACK_MOUNT, "app-db", { value: "two" });
  await eventually(
    async () => (await rows(stack, "kv-prod")).find(({ secret_name }) => secret_name === "app-db"),
    {
      what: "version 2 of app-db",
      until: (row) => (row as { version?: number } | undefined)?.version === 2,
    },
  );
});

afterAll(async () => {
  await stack.stop();
  await folder[Symbol.asyncDispose]();
});

const status = (destination: string, secret: string, wished: string): Promise<unknown> =>
  eventually(
    async () =>
      (await rows(stack, destination)).find(({ secret_name }) => secret_name === secret)?.sync_status,
    { what: `${secret} to be ${wished}`, until: (found) => found === wished },
  );

/** Runs command lines and holds what they print against the kept transcript. */
async function expectTranscript(
  name: string,
  lines: readonly (readonly string[])[],
  options: RunOptions = {},
): Promise<void> {
  const parts: string[] = [];
  for (const args of lines) {
    const { code, stdout, stderr } = await keyferry(stack, args, options);
    const shown = args.map((arg) => (/[^\w./:=@,-]/.test(arg) ? `'${arg}'` : arg)).join(" ");
    const end = code === 0 ? "" : `(exit code ${code})\n`;
    parts.push(normalised(`$ keyferry ${shown}\n${stderr}${stdout}${end}`, stack));
  }
  await expect(parts.join("\n")).toMatchFileSnapshot(join(import.meta.dirname, "transcripts", `${name}.txt`));
}

test("status: the installation, a destination, a secret", () =>
  expectTranscript("status", [
    ["status"],
    ["status", "kv-test"],
    ["status", "--secret", "my-kv/app-db"],
    ["status", "kv-prod", "-o", "json"],
    ["status", "kv-nothing"],
    ["status", "--secret", "nothing"],
  ]));

test("history and events", async () => {
  await expectTranscript("history", [
    ["history", "my-kv/app-db"],
    ["history", "my-kv/app-db", "-o", "json", "--limit", "1"],
    ["history", "--since", "yesterday"],
  ]);
  const follow = keyferry(stack, ["events", "my-kv/app-db", "--follow", "--count", "2"], {
    onOutput: (text) => {
      if (text.includes("Following")) void source.putSecret(STACK_MOUNT, "app-db", { value: "three" });
      return undefined;
    },
  });
  const { code, stdout } = await follow;
  expect(code).toBe(0);
  expect(normalised(stdout, stack)).toBe(
    [
      "<time>  my-kv/app-db  -  version-created 3 <cause>  3  -  -",
      "<time>  my-kv/app-db  kv-prod  synced  3  <latency>  -",
      "",
    ].join("\n"),
  );
});

test("plan: a destination that is not there, another template, a rule", () =>
  expectTranscript("plan", [
    ["plan", "destination", "kv-prod", "--template", "team-{{ .SecretPath }}"],
    ["plan", "destination", "kv-prod", "--template", "{{ .Nothing }}"],
    ["plan", "rule", "kv-prod", "--mounts", "my-kv", "--paths", "b*"],
    ["plan", "rule", "kv-prod", "--mounts", "my-kv", "-o", "json"],
    ["plan", "approval", "kv-prod"],
  ]));

test("dead letters are listed, shown, retried and dropped", async () => {
  const { letters } = await keyferryJson(stack, ["dlq", "list"]);
  const [first] = letters as { sequence: number }[];
  const number = String(first?.sequence);
  await expectTranscript("dlq-list", [["dlq", "list"]]);
  await expectTranscript("dlq-show", [
    ["dlq", "show", number],
    ["dlq", "show", "999999"],
    ["dlq", "show", "x"],
  ]);
  await expectTranscript("dlq-retry", [
    ["dlq", "retry", number],
    ["dlq", "retry"],
  ]);
  await eventually(
    async () => ((await keyferryJson(stack, ["dlq", "list"]))["keys"] as string[]).length === 2,
    {
      what: "what failed again to come as a new letter",
    },
  );
  const again = (await keyferryJson(stack, ["dlq", "list"]))["keys"] as string[];
  await expectTranscript("dlq-drop", [
    ["dlq", "drop", ...again],
    ["dlq", "list"],
  ]);
});

test("replay and resync, and the operations that they are", async () => {
  await expectTranscript("replay", [
    ["replay", "--since", "2020-01-01T00:00:00Z"],
    ["replay", "--since", "5x"],
    ["replay", "--since", "1s", "--path", "a**"],
  ]);
  await expectTranscript("resync", [
    ["resync", "--dry-run"],
    ["resync"],
    ["resync", "-d", "kv-prod", "-o", "json"],
  ]);
  await expectTranscript("operations-list", [["operations", "list"]]);
});

test("Ctrl-C of a resync ends the command and leaves the work to the server", async () => {
  const { code, stderr } = await keyferry(stack, ["resync", "--rate", "1"], {
    onOutput: (text) => (text.includes("runs on the server") ? "SIGINT" : undefined),
  });
  expect(code).toBe(130);
  expect(stderr).toContain("It goes on without this command");
  await eventually(
    async () => {
      const { operations } = await keyferryJson(stack, ["operations", "list"]);
      return (operations as { state: string }[]).every(({ state }) => state === "done");
    },
    { what: "the resync to be done" },
  );
});

test("pause and resume", () =>
  expectTranscript("pause", [
    ["pause"],
    ["pause", "kv-prod", "--reason", "CHG-1234"],
    ["pause", "--secret", "my-kv/app-web", "-o", "json"],
    ["resume", "kv-prod"],
    ["resume", "--secret", "my-kv/app-web"],
    ["resume"],
  ]));

test("drift", async () => {
  await expectTranscript("drift-check", [["drift", "check", "kv-empty"]]);
  await expectTranscript("drift-report", [
    ["drift", "report", "kv-empty", "-o", "json"],
    ["drift", "report", "kv-test"],
  ]);
});

test("adopt: what somebody else made under a wished name is shown, and taken over when asked for", async () => {
  await expectTranscript("adopt", [
    ["adopt", "kv-prod"],
    ["adopt", "kv-test"],
    ["adopt", "kv-test", "--yes"],
  ]);
  await status("kv-test", "app-web", "SYNCED");
});

test("held deletes", () => expectTranscript("held-list", [["held", "list", "kv-prod"]]));

test("hint and confirm", async () => {
  await expectTranscript("hint", [
    ["hint", "my-kv/app-db"],
    ["hint", "my-kv/", "-o", "json"],
    ["hint", "my-kv/data/app-db"],
  ]);
  await expectTranscript("confirm", [["confirm"], ["confirm", "kv_00000000", "--mount", "my-kv"]]);
});

test("export, import and apply: a file that is applied differs in nothing", async () => {
  await expectTranscript("export", [["export"]]);
  const { stdout } = await keyferry(stack, ["export"]);
  const file = join(folder.path, "sync.yaml");
  await writeFile(file, stdout);
  const more = stdout.replace(
    "associations:\n",
    "associations:\n  - destination: kv-test\n    mount: my-kv\n    secret_name: app-db\n",
  );
  const changed = join(folder.path, "changed.yaml");
  await writeFile(changed, more);
  await expectTranscript("import", [
    ["import", changed, "--plan"],
    ["import", changed],
    ["import", "missing.yaml"],
  ]);
  await expectTranscript("apply", [
    ["apply", "-f", changed],
    ["apply", "-f", file, "--prune", "--plan"],
    ["apply", "-f", file, "--prune"],
    ["apply", "-f", file, "--prune", "-o", "json"],
  ]);
});

test("doctor and policies", async () => {
  await expectTranscript("doctor", [["doctor"], ["doctor", "-o", "json"]]);
  await expectTranscript("policy", [
    ["policy", "detector"],
    ["policy", "azure"],
    ["policy", "nobody"],
  ]);
});

test("a token without rights, a wrong address and a wrong command each say what would be right", async () => {
  const token = await source.tokenFor("nothing", 'path "x" { capabilities = ["read"] }');
  await expectTranscript("errors-denied", [["status"], ["resync"]], { token });
  await expectTranscript("errors-address", [["status"]], { env: { VAULT_ADDR: "http://127.0.0.1:1" } });
  await expectTranscript("errors-vault", [["status"]], { env: { VAULT_ADDR: stack.openbao.url } });
  await expectTranscript("errors-usage", [
    ["statsu"],
    ["status", "a/b"],
    ["replay"],
    ["history", "-n", "many"],
  ]);
});

test("no transcript holds the client secret or a value", async () => {
  const { stdout } = await keyferry(stack, ["export"]);
  expect(stdout).not.toContain(DEFAULT_CLIENT_SECRET);
});
