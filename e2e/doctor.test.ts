// `keyferry doctor` on the running stack: faults are planted one after the other; each is found under its id, and what
// the advice says, followed to the letter, mends it. The table of all faults is diagnose.test.ts.
import { DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET } from "@keyferry/key-vault-emulator";
import { eventually, type Stack, STACK_MOUNT, startStack, VaultApi } from "@keyferry/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { liveSecrets, writeByHand } from "./support/emulated-vault.ts";
import { keyferry } from "./support/keyferry.ts";
import { redisCommand } from "./support/raw-servers.ts";
import { runFolder } from "./support/run-folder.ts";
import { associate, createDestination, rows } from "./support/sync-api.ts";

interface Finding {
  readonly id: string;
  readonly level: string;
  readonly what: string;
  readonly fix: string;
}

// A single NATS server without passwords is what a test has.
const OF_A_TEST = new Set(["single-server", "nats-open"]);
const VAULT = "doctor";
const BUDGET = 10;
const READ_METADATA = "readMetadata";

let folder: Awaited<ReturnType<typeof runFolder>>;
let stack: Stack;
let source: VaultApi;

beforeAll(async () => {
  folder = await runFolder();
  stack = await startStack({
    dir: folder.path,
    settleIntervalS: 2,
    sweepIntervalS: 2,
    keyVault: { limits: "off", softDelete: "instant" },
  });
  source = new VaultApi(stack.openbao.url, stack.openbao.rootToken);
  await createDestination(stack, VAULT);
  await source.putSecret(STACK_MOUNT, "app", { value: "one" });
  await associate(stack, VAULT, "app");
  await inStep("app");
});

afterAll(async () => {
  await stack.stop();
  await folder[Symbol.asyncDispose]();
});

const findings = async (): Promise<readonly Finding[]> => {
  const { stdout } = await keyferry(stack, ["doctor", "-o", "json"]);
  const { findings: all } = JSON.parse(stdout) as { findings: Finding[] };
  return all.filter(({ id, level }) => level !== "ok" && !OF_A_TEST.has(id));
};

const inStep = (secret: string): Promise<unknown> =>
  eventually(async () => (await rows(stack, VAULT)).find((row) => row.secret_name === secret)?.sync_status, {
    what: `${secret} to be synced`,
    until: (status) => status === "SYNCED",
  });

const found = (id: string): Promise<Finding> =>
  eventually(async () => (await findings()).find((one) => one.id === id), {
    what: `${id} to be found`,
    timeoutMs: 60_000,
  });

/** Follows an advice that is a command of keyferry's own. */
async function follow(fix: string, ...more: readonly string[]): Promise<void> {
  const [, words = ""] = /^keyferry ([^:;,|]+)/.exec(fix) ?? [];
  expect(words).not.toBe("");
  const { code, stderr } = await keyferry(stack, [...words.trim().split(" "), ...more]);
  expect({ stderr, ended: code <= 1 }).toMatchObject({ ended: true });
}

interface Planted {
  readonly id: string;
  readonly plant: () => Promise<unknown>;
  readonly mend: (finding: Finding) => Promise<unknown>;
}

const policyOf = (service: string, text: string): Promise<unknown> =>
  source.expect("PUT", `sys/policies/acl/keyferry-${service}`, { policy: text });

/** `keyferry policy ROLE | bao policy write NAME -`. */
async function writePolicy({ fix }: Finding): Promise<void> {
  const [, role = "", name = ""] = /keyferry policy (\w+) \| bao policy write (\S+) -/.exec(fix) ?? [];
  const { stdout } = await keyferry(stack, ["policy", role, "--mounts", STACK_MOUNT]);
  await source.expect("PUT", `sys/policies/acl/${name}`, { policy: stdout });
}

const PLANTED: readonly Planted[] = [
  {
    id: "destination-paused",
    plant: () => keyferry(stack, ["pause", VAULT]),
    mend: ({ fix }) => follow(fix),
  },
  {
    id: "paused",
    plant: () => keyferry(stack, ["pause", "--all"]),
    mend: ({ fix }) => follow(fix),
  },
  {
    id: "azure-sink-missing",
    plant: () => stack.services["azure-sink"].kill(),
    mend: () => stack.services["azure-sink"].start(),
  },
  {
    id: "change-detector-missing",
    plant: () => stack.services["change-detector"].kill(),
    mend: () => stack.services["change-detector"].start(),
  },
  {
    id: "redis-away",
    plant: () => stack.redis.kill(),
    mend: () => stack.redis.start(),
  },
  {
    id: "nats-away",
    plant: () => stack.nats.kill(),
    mend: () => stack.nats.start(),
  },
  {
    id: "redis-evicts",
    plant: async () => {
      await redisCommand(stack.redis.port, "CONFIG SET maxmemory-policy allkeys-lru");
      await stack.services["azure-sink"].kill();
      void stack.services["azure-sink"].start();
    },
    mend: ({ fix }) => {
      expect(fix).toContain("config set maxmemory-policy noeviction");
      return redisCommand(stack.redis.port, "CONFIG SET maxmemory-policy noeviction");
    },
  },
  {
    id: "foreign-owner",
    plant: async () => {
      await writeByHand(stack, VAULT, "theirs", "not ours");
      await source.putSecret(STACK_MOUNT, "theirs", { value: "ours" });
      await associate(stack, VAULT, "theirs");
    },
    mend: ({ fix }) => follow(fix, "--yes"),
  },
  {
    id: "value-too-large",
    plant: async () => {
      await source.putSecret(STACK_MOUNT, "large", { value: "x".repeat(30_000) });
      await associate(stack, VAULT, "large");
    },
    mend: ({ fix }) => {
      expect(fix).toContain("make the secret smaller");
      return source.putSecret(STACK_MOUNT, "large", { value: "small" });
    },
  },
  {
    id: "dead-letters",
    plant: async () => undefined, // those of the two before it
    mend: () => keyferry(stack, ["dlq", "retry", "--all"]),
  },
  {
    id: "vault-denied",
    plant: async () => {
      await stack.keyVault.control("POST", "access", {
        clientId: DEFAULT_CLIENT_ID,
        access: { model: "rbac", actions: [] },
      });
      await source.putSecret(STACK_MOUNT, "app", { value: "denied" });
    },
    mend: async ({ fix }) => {
      expect(fix).toContain("keyferry policy azure");
      await stack.keyVault.control("POST", "access", {
        clientId: DEFAULT_CLIENT_ID,
        access: { model: "all" },
      });
      await keyferry(stack, ["resync", "-d", VAULT]);
    },
  },
  {
    id: "vault-credential",
    plant: async () => {
      await stack.keyVault.control("POST", "token", { revokeAll: true });
      await stack.keyVault.control("POST", "faults", {
        fault: { kind: "error", status: 401, code: "invalid_client" },
        operations: ["token"],
      });
      await source.putSecret(STACK_MOUNT, "app", { value: "expired" });
    },
    mend: async ({ fix }) => {
      expect(fix).toContain(`bao patch sys/sync/destinations/azure-kv/${VAULT} client_secret=-`);
      await stack.keyVault.control("DELETE", "faults");
      await stack.vault.expect("PATCH", `sys/sync/destinations/azure-kv/${VAULT}`, {
        client_secret: DEFAULT_CLIENT_SECRET,
      });
      await keyferry(stack, ["resync", "-d", VAULT]);
    },
  },
  {
    // Before a single secret is out of step: the connection itself is looked at.
    id: "connection-list",
    plant: () =>
      stack.keyVault.control("POST", "access", {
        clientId: DEFAULT_CLIENT_ID,
        access: { model: "rbac", actions: [] },
      }),
    mend: ({ fix }) => {
      expect(fix).toContain(`az role assignment create --assignee ${DEFAULT_CLIENT_ID}`);
      return stack.keyVault.control("POST", "access", {
        clientId: DEFAULT_CLIENT_ID,
        access: { model: "all" },
      });
    },
  },
  {
    id: "connection-token",
    // The client that writes still has its token; the check asks for one of its own.
    plant: () =>
      stack.keyVault.control("POST", "faults", {
        fault: { kind: "error", status: 401, code: "invalid_client" },
        operations: ["token"],
      }),
    mend: ({ fix }) => {
      expect(fix).toContain(`bao patch sys/sync/destinations/azure-kv/${VAULT} client_secret=-`);
      return stack.keyVault.control("DELETE", "faults");
    },
  },
  {
    id: "held-source-denied",
    plant: () => policyOf("change-detector", 'path "x" { capabilities = ["read"] }'),
    mend: writePolicy,
  },
  {
    id: "mount-denied",
    plant: () =>
      policyOf(
        "association-service",
        'path "keyferry/*" { capabilities = ["create", "read", "update", "delete", "list"] }',
      ),
    mend: writePolicy,
  },
  {
    id: "deletes-held",
    plant: async () => {
      const names = Array.from({ length: BUDGET + 3 }, (_, index) => `many-${index}`);
      for (const name of names) await source.putSecret(STACK_MOUNT, name, { value: name });
      for (const name of names) await associate(stack, VAULT, name);
      for (const name of names) await inStep(name);
      for (const name of names) await source.expect("DELETE", `${STACK_MOUNT}/metadata/${name}`);
    },
    mend: async () => {
      const { stdout } = await keyferry(stack, ["held", "list", VAULT, "-o", "json"]);
      const { digest } = JSON.parse(stdout) as { digest: string };
      return keyferry(stack, ["held", "approve", VAULT, "--digest", digest]);
    },
  },
  {
    id: "mount-missing",
    plant: () => source.expect("DELETE", `sys/mounts/${STACK_MOUNT}`),
    mend: async ({ fix }) => {
      expect(fix).toContain(`bao secrets enable -path=${STACK_MOUNT} -version=2 kv`);
      await source.mountKv2(STACK_MOUNT);
    },
  },
  {
    id: "source-changed",
    plant: () => source.putSecret(STACK_MOUNT, "app", { value: "of another mount" }),
    mend: ({ fix }) => follow(fix.slice(fix.indexOf("keyferry"))),
  },
];

test.each(PLANTED)(
  "$id is found, and its advice mends it",
  async ({ id, plant, mend }) => {
    await plant();
    const finding = await found(id);
    await mend(finding);
    await eventually(async () => (await findings()).map((one) => one.id), {
      what: `${id} to be mended`,
      until: (ids) => !ids.includes(id),
      timeoutMs: 90_000,
    });
  },
  240_000,
);

test("a role that may read and not write is found by a probe alone, and the probe leaves nothing behind", async () => {
  const grant = (access: unknown): Promise<unknown> =>
    stack.keyVault.control("POST", "access", { clientId: DEFAULT_CLIENT_ID, access });
  const probed = async (): Promise<readonly Finding[]> => {
    const { stdout } = await keyferry(stack, ["doctor", "--probe", "-o", "json"]);
    const { findings: all } = JSON.parse(stdout) as { findings: Finding[] };
    return all.filter(({ id, level }) => level === "fault" && id.startsWith("connection-"));
  };
  expect(await probed()).toEqual([]);
  await grant({ model: "rbac", actions: [READ_METADATA] });
  expect((await findings()).filter(({ id }) => id.startsWith("connection-"))).toEqual([]);
  const [finding] = await probed();
  expect(finding?.fix).toContain("az role assignment create");
  await grant({ model: "all" });
  expect(await probed()).toEqual([]);
  expect([...(await liveSecrets(stack, VAULT)).keys()].filter((name) => name.includes("probe"))).toEqual([]);
});

// What keeps the doctor itself from looking: the advice, followed, makes it look.
const looks = async (options: Parameters<typeof keyferry>[2]): Promise<boolean> =>
  "findings" in (JSON.parse((await keyferry(stack, ["doctor", "-o", "json"], options)).stdout) as object);

test("without a token the doctor says what to set, and with it it looks", async () => {
  const nothing = await keyferry(stack, ["doctor"], { env: { VAULT_TOKEN: "" } });
  expect(nothing).toMatchObject({ code: 3 });
  expect(nothing.stderr).toContain("Set VAULT_TOKEN");
  expect(await looks({ env: { VAULT_TOKEN: stack.openbao.rootToken } })).toBe(true);
});

test("with a token that may nothing the doctor prints the rule that lacks, and with it it looks", async () => {
  const token = await source.tokenFor("nobody", 'path "x" { capabilities = ["read"] }');
  const { stderr } = await keyferry(stack, ["doctor"], { token });
  const [rule = "none"] = /path "sys\/sync\/doctor" \{[^}]*\}/.exec(stderr) ?? [];
  expect(rule).toContain("capabilities");
  expect(await looks({ token: await source.tokenFor("somebody", rule) })).toBe(true);
});

test("at Vault's own address the doctor says so, and at Keyferry's it looks", async () => {
  const elsewhere = await keyferry(stack, ["doctor"], { env: { VAULT_ADDR: stack.openbao.url } });
  expect(elsewhere.stdout).toContain("It is Vault itself");
  expect(await looks({ env: { VAULT_ADDR: stack.vault.address } })).toBe(true);
});
