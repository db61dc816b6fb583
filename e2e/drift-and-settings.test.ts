// The running sink: settings in a secret's custom metadata reach Key Vault, and a person's request for a look at a whole
// vault is answered while they wait. What a look finds and mends is apps/azure-sink/test/drift.test.ts.
import { eventually, type Stack, STACK_MOUNT, startStack, VaultApi } from "@keyferry/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { liveSecrets, writeByHand } from "./support/emulated-vault.ts";
import { runFolder } from "./support/run-folder.ts";
import { associate, createDestination, rows } from "./support/sync-api.ts";

const VAULT = "settings";

let folder: Awaited<ReturnType<typeof runFolder>>;
let stack: Stack;
let source: VaultApi;

beforeAll(async () => {
  folder = await runFolder();
  stack = await startStack({ dir: folder.path });
  source = new VaultApi(stack.openbao.url, stack.openbao.rootToken);
  await createDestination(stack, VAULT);
  await source.putSecret(STACK_MOUNT, "app-db", { password: "one" });
  await associate(stack, VAULT, "app-db");
  await synced();
});

afterAll(async () => {
  await stack.stop();
  await folder[Symbol.asyncDispose]();
});

const statusIs = (status: string): Promise<unknown> =>
  eventually(async () => (await rows(stack, VAULT))[0]?.sync_status, {
    what: `the status ${status}`,
    until: (found) => found === status,
    timeoutMs: 30_000,
  });
const synced = (): Promise<unknown> => statusIs("SYNCED");

const settings = (custom: Readonly<Record<string, string>>): Promise<unknown> =>
  source.expect("POST", `${STACK_MOUNT}/metadata/app-db`, { custom_metadata: custom });

test("a setting is a patch of what is there; one that can't be understood says so in the status", async () => {
  await settings({ "keyferry.tag.team": "blue", "keyferry.expires": "2031-01-31T12:00:00Z" });
  const secret = await eventually(
    async () => {
      const found = (await liveSecrets(stack, VAULT)).get("app-db");
      return found?.versions.at(-1)?.tags["team"] === "blue" ? found : undefined;
    },
    { what: "the tag", timeoutMs: 30_000 },
  );
  expect(secret.versions).toHaveLength(1);
  await settings({ "keyferry.expires": "next year" });
  await statusIs("CLIENT_SIDE_ERROR");
  await settings({ "keyferry.tag.team": "blue", "keyferry.expires": "2031-01-31T12:00:00Z" });
  await synced();
  expect((await liveSecrets(stack, VAULT)).get("app-db")?.versions).toHaveLength(1);
});

test("a look at the whole vault that a person asks for is answered within seconds", async () => {
  await writeByHand(stack, VAULT, "somebody-elses", "theirs");
  const asked = await stack.vault.expect("POST", `sys/sync/drift/azure-kv/${VAULT}/check`, {});
  const report = await eventually(
    async () => {
      const { status, body } = await stack.vault.call("GET", `sys/sync/drift/azure-kv/${VAULT}`);
      const { data } = body as { data?: Readonly<Record<string, unknown>> };
      return status === 200 && data?.["requested_at"] === asked["requested_at"] ? data : undefined;
    },
    { what: "the report", timeoutMs: 10_000 },
  );
  expect(report).toMatchObject({ listed: 2, owned: 1, counts: {}, findings: [], failure: null });
});
