// Each command of `keyferry` against the running stack, as people type it: what it prints, as a table and as JSON, is
// kept in e2e/transcripts and shown in the manual (docs/cli.md). Times, ids and ages are replaced.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DEFAULT_CLIENT_SECRET } from "@keyferry/key-vault-emulator";
import { eventually, type Stack, STACK_MOUNT, startStack, VaultApi } from "@keyferry/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { liveSecrets, writeByHand } from "./support/emulated-vault.ts";
import { keyferry, keyferryJson } from "./support/keyferry.ts";
import { runFolder } from "./support/run-folder.ts";
import { associate, createDestination, rows } from "./support/sync-api.ts";
import { expectTranscriptOf } from "./support/transcript.ts";

let folder: Awaited<ReturnType<typeof runFolder>>;
let stack: Stack;
let source: VaultApi;
/** Before the second version of a secret. */
let changedSince: string;

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
  changedSince = new Date().toISOString();
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

const expectTranscript = (
  name: string,
  lines: readonly (readonly string[])[],
  options: Parameters<typeof expectTranscriptOf>[3] = {},
): Promise<void> => expectTranscriptOf(stack, name, lines, options);

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
  let value = 2;
  const changing = {
    onOutput: (text: string) => {
      if (!text.includes("Following")) return undefined;
      value += 1;
      void source.putSecret(STACK_MOUNT, "app-db", { value: `number ${value}` });
      return undefined;
    },
  };
  await expectTranscript(
    "events",
    [
      ["events", "my-kv/app-db", "--follow", "--count", "2"],
      ["events", "my-kv/app-db", "-f", "--count", "2", "-o", "json"],
      ["events", "my-kv/app-db", "--count", "1", "-o", "json"],
      ["events", "--count", "none"],
    ],
    { ...changing, replaced: [[/"(trace_id|latency_ms|sequence|via)":(?:"[^"]*"|\d+)/g, '"$1":"<varies>"']] },
  );
});

test("plan: a destination that is not there, another template, a rule; what Key Vault holds already is refused", async () => {
  await writeByHand(stack, "kv-prod", "big", "theirs");
  await expectTranscript("plan", [
    ["plan", "destination", "kv-prod", "--template", "team-{{ .SecretPath }}"],
    ["plan", "destination", "kv-prod", "--template", "team-{{ .SecretPath }}", "-o", "json"],
    ["plan", "destination", "kv-prod", "--granularity", "secret-key"],
    ["plan", "destination", "kv-prod", "--template", "{{ .Nothing }}"],
    ["plan", "rule", "kv-prod", "--mounts", "my-kv", "--paths", "b*"],
    ["plan", "rule", "kv-prod", "--mounts", "my-kv", "-o", "json"],
    ["plan", "rule", "kv-empty", "--mounts", "my-kv"],
    ["plan", "rule", "kv-nothing", "--mounts", "my-kv"],
    ["plan", "rule", "kv-prod", "--mounts", "my-kv", "--paths", "a**"],
    ["plan", "approval", "kv-prod"],
  ]);
});

test("plan without a sink says what it does not know", async () => {
  await stack.services["azure-sink"].kill();
  try {
    await expectTranscript("plan-without-sink", [["plan", "rule", "kv-empty", "--mounts", "my-kv"]]);
    await expectTranscript("adopt-without-sink", [["adopt", "kv-test"]]);
  } finally {
    await stack.services["azure-sink"].start();
  }
});

test("dead letters are listed, shown, retried and dropped", async () => {
  const { letters } = await keyferryJson(stack, ["dlq", "list"]);
  const [first] = letters as { sequence: number }[];
  const number = String(first?.sequence);
  await expectTranscript("dlq-list", [
    ["dlq", "list"],
    ["dlq", "list", "-o", "json"],
  ]);
  await expectTranscript("dlq-show", [
    ["dlq", "show", number],
    ["dlq", "show", number, "-o", "json"],
    ["dlq", "show", "999999"],
    ["dlq", "show", "x"],
  ]);
  const [, second] = letters as { sequence: number }[];
  await expectTranscript("dlq-retry", [
    ["dlq", "retry", number],
    ["dlq", "retry", String(second?.sequence), "-o", "json"],
    ["dlq", "retry"],
    ["dlq", "retry", "999999"],
  ]);
  const keys = async (): Promise<readonly string[]> =>
    (await keyferryJson(stack, ["dlq", "list"]))["keys"] as string[];
  const again = await eventually(keys, {
    what: "what failed again to come as new letters",
    until: (found) => found.length === 2 && !found.includes(number),
  });
  await expectTranscript("dlq-drop", [
    ["dlq", "drop", again[0] ?? ""],
    ["dlq", "drop", again[1] ?? "", "-o", "json"],
    ["dlq", "list"],
    ["dlq", "drop", "first"],
  ]);
});

test("replay and resync, and the operations that they are", async () => {
  await expectTranscript("replay", [
    ["replay", "--since", "2020-01-01T00:00:00Z"],
    ["replay", "--since", "5x"],
    ["replay", "--since", "1s", "--path", "a**"],
    ["replay", "--since", changedSince, "--dry-run"],
    ["replay", "--since", changedSince],
    ["replay", "--since", changedSince, "-o", "json"],
    ["replay", "--since", "1h", "--until", "2h"],
    ["replay", "--since", "1h", "-d", "kv-nothing"],
    ["replay", "--since", "365d", "--mount", "my-kv", "--dry-run"],
  ]);
  await expectTranscript("resync", [
    ["resync", "--dry-run"],
    ["resync"],
    ["resync", "-d", "kv-prod", "-o", "json"],
  ]);
  await expectTranscript("operations-list", [
    ["operations", "list"],
    ["operations", "list", "-o", "json"],
  ]);
});

test("one operation: shown, cancelled, resumed, waited for", async () => {
  const { id } = await keyferryJson(stack, ["resync", "--rate", "1", "--detach"]);
  await eventually(async () => isCounted(await keyferryJson(stack, ["operations", "show", String(id)])), {
    what: "a server to have taken it up",
  });
  const howFar: readonly (readonly [RegExp, string])[] = [
    [/looked at {2}\d+ of/g, "looked at  <number> of"],
    [/(ordered|unchanged) {2}\d+/g, "$1  <number>"],
    [/"(done|ordered|unchanged)": \d+/g, '"$1": <number>'],
    [/"(worker|message)": (?:null|"[^"]*")/g, '"$1": "<varies>"'],
  ];
  const of = (command: string) => [
    ["operations", command, String(id)],
    ["operations", command, String(id), "-o", "json"],
  ];
  const options = { replaced: howFar };
  await expectTranscript("operations-cancel", of("cancel"), options);
  await expectTranscript("operations-show", [...of("show"), ["operations", "show", "x"]], options);
  await expectTranscript("operations-resume", of("resume"), options);
  await expectTranscript(
    "operations-wait",
    [...of("wait"), ["operations", "wait", "aaaaaaaaaaaaaaaaaaaa"]],
    options,
  );
});

/** Before that, `total` is 0: nobody has counted. */
function isCounted({ progress }: Readonly<Record<string, unknown>>): boolean {
  return typeof progress === "object" && progress !== null && "total" in progress && progress.total !== 0;
}

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
    ["resume", "--secret", "my-kv/app-web", "-o", "json"],
    ["resume"],
    ["pause", "kv-nothing"],
    ["pause", "--secret", "my-kv/nothing"],
  ]));

test("adopt: what somebody else made under a wished name is shown, and taken over when asked for", async () => {
  await writeByHand(stack, "kv-test", "app-same", '{"value":"one"}');
  await source.putSecret(STACK_MOUNT, "app-same", { value: "one" });
  await associate(stack, "kv-test", "app-same");
  await status("kv-test", "app-same", "CLIENT_SIDE_ERROR");
  await expectTranscript("adopt", [
    ["adopt", "kv-prod"],
    ["adopt", "kv-test"],
    ["adopt", "kv-test", "my-kv/app-web", "--digests", "-o", "json"],
    ["adopt", "kv-test", "my-kv/nothing"],
    ["adopt", "kv-test", "app-web"],
    ["adopt", "kv-test", "--digests", "--yes"],
  ]);
  await status("kv-test", "app-web", "SYNCED");
  // The same value needed no version: the one that was there is marked.
  expect((await liveSecrets(stack, "kv-test")).get("app-same")?.versions).toHaveLength(1);
});

test("hint and confirm", async () => {
  await expectTranscript("hint", [
    ["hint", "my-kv/app-db"],
    ["hint", "my-kv/", "-o", "json"],
    ["hint", "my-kv/data/app-db"],
    ["hint", "no-kv/"],
  ]);
  await expectTranscript("confirm", [
    ["confirm"],
    ["confirm", "-o", "json"],
    ["confirm", "kv_00000000", "--mount", "my-kv"],
  ]);
});

test("export, import and apply: a file that is applied differs in nothing", async () => {
  await expectTranscript("export", [["export"], ["export", "-o", "json"]]);
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
    ["import", changed, "--plan", "-o", "json"],
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
    ["policy", "api", "-o", "json"],
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
    ["pause", "kv-prod", "--all"],
    ["export", "kv-prod"],
  ]);
  await expectTranscript("errors-times", [
    ["status", "--watch", "--interval", "5"],
    ["history", "--since", "2026-13-01T00:00:00Z"],
    ["history", "--since", "2026-01-31T12:00:00"],
    ["history", "--until", "tomorrow"],
    ["replay", "--since", "1h", "--until", "noon"],
    ["resync", "--rate", "0"],
  ]);
  await expectTranscript("errors-globs", [
    ["resync", "--path", ""],
    ["resync", "--path", "/app/*"],
    ["resync", "--path", "app/{a,b}"],
    ["plan", "destination", "kv-prod", "--path", "app/[ab]"],
    ["plan", "destination", "kv-prod", "--tags", "team"],
  ]);
  await expectTranscript("errors-names", [
    ["status", "--secret", "my-kv/nothing"],
    ["history", "my-kv/nothing"],
    ["history", "-d", "kv-nothing"],
    ["events", "-d", "kv-nothing"],
    ["plan", "approval", "kv-nothing"],
    ["plan", "destination", "kv-nothing"],
    ["adopt", "kv-nothing"],
    ["drift", "report", "kv-nothing"],
    ["orphans", "collect", "kv-nothing", "--digest", "x"],
    ["held", "list", "kv-nothing"],
    ["held", "approve", "kv-nothing", "--digest", "x"],
    ["resync", "-d", "kv-nothing"],
    ["hint", "my-kv/"],
    ["confirm", "nothing"],
  ]);
  const file = join(folder.path, "wrong.yaml");
  await writeFile(file, "destinations: {}\nassociation: []\n");
  await expectTranscript("errors-files", [["apply", "-f", file], ["apply", "-f", "missing.yaml"], ["apply"]]);
});

test("no transcript holds the client secret or a value", async () => {
  const { stdout } = await keyferry(stack, ["export"]);
  expect(stdout).not.toContain(DEFAULT_CLIENT_SECRET);
});
