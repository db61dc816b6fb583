import { inspect } from "node:util";
import { expect, test } from "vitest";
import { type ConfigFault, formatFaults } from "./faults.ts";
import { expandReferences } from "./references.ts";
import { type RawConfig, resolveConfig, type ServiceSection } from "./resolve.ts";
import { SPLIT } from "./services.ts";
import type { Tree } from "./tree.ts";

const CANARY = "canary-7f3a9c";

/** A tree as a file would give it; references are expanded with `environment`, there are no files. */
async function raw(tree: Tree, environment: Record<string, string> = {}): Promise<RawConfig> {
  const readText = async (): Promise<string> => {
    throw Object.assign(new Error("no such file"), { code: "ENOENT" });
  };
  const { value, referenced, faults } = await expandReferences(tree, { environment, readText });
  return { tree: value as Tree, referenced, faults, environment, folder: "/etc/keyferry" };
}

async function faultsOf(tree: Tree, service: ServiceSection, environment: Record<string, string> = {}) {
  const resolved = resolveConfig(await raw(tree, environment), service);
  return resolved.kind === "ok" ? [] : resolved.faults;
}

const pathsOf = (faults: readonly ConfigFault[]): string[] => faults.map(({ path }) => path);

const SHARED = { source: { address: "http://127.0.0.1:8200" }, nats: { servers: ["nats://127.0.0.1:4222"] } };
const SINK = { ...SHARED, redis: { url: "redis://127.0.0.1:6379" }, azureSink: { token: "t" } };

test("the least that a service needs is enough, and everything else has its default", async () => {
  const resolved = resolveConfig(await raw({ ...SHARED, changeDetector: { token: "t" } }), "changeDetector");
  if (resolved.kind === "faulty") throw new Error(formatFaults("x", resolved.faults));
  const { config, secrets } = SPLIT.changeDetector(resolved.sections);
  expect(config).toEqual({
    log: { level: "info" },
    traces: { samplePercent: 100 },
    source: { name: "main", address: "http://127.0.0.1:8200", namespace: "", ownMount: "keyferry" },
    nats: { servers: ["nats://127.0.0.1:4222"], replicas: 1 },
    changeDetector: {
      listen: { host: "127.0.0.1", port: 9401 },
      hints: { events: { enabled: false } },
      sweep: { intervalS: 300, pageSize: 500 },
      mounts: ["*"],
    },
  });
  expect(secrets.token?.reveal()).toBe("t");
});

test("an empty file is told everything that it lacks, for the service that reads it", async () => {
  const needs = ["source.address", "nats.servers"];
  expect(pathsOf(await faultsOf({}, "changeDetector"))).toEqual([...needs, "changeDetector.token"]);
  expect(pathsOf(await faultsOf({}, "associationService"))).toEqual([...needs, "associationService.token"]);
  expect(pathsOf(await faultsOf({}, "azureSink"))).toEqual([...needs, "redis.url", "azureSink.token"]);
});

test("all faults come at once: unknown, missing, wrong type, out of range, missing variable, contradiction", async () => {
  const tree = {
    azurSink: {},
    log: { level: "loud" },
    source: { name: "a.b" },
    nats: { servers: ["http://x"], user: "u" },
    redis: { url: "redis://r", tls: true },
    azureSink: { token: "${NOPE}", concurrency: 0, azure: { requestTimeoutMs: "10", retries: 3 } },
  };
  const faults = await faultsOf(tree, "azureSink");
  expect(pathsOf(faults).toSorted()).toEqual([
    "azurSink",
    "azureSink.azure.requestTimeoutMs",
    "azureSink.azure.retries",
    "azureSink.concurrency",
    "azureSink.token",
    "log.level",
    "nats.password",
    "nats.servers[0]",
    "redis.tls",
    "source.address",
    "source.name",
  ]);
  for (const { problem, fix } of faults) {
    expect(problem).not.toBe("");
    expect(fix).not.toBe("");
  }
});

test("an unknown key is answered with the known one that was meant, or with those that exist", async () => {
  const faults = await faultsOf(
    { ...SINK, azureSink: { token: "t", concurency: 3, zzz: 1 }, redsi: {} },
    "azureSink",
  );
  const fixes = Object.fromEntries(faults.map(({ path, fix }) => [path, fix]));
  expect(fixes["azureSink.concurency"]).toBe("Did you mean azureSink.concurrency?");
  expect(fixes["redsi"]).toBe("Did you mean redis?");
  expect(fixes["azureSink.zzz"]).toContain("listen, token, auth, concurrency, azure");
});

test("a section that another service reads may be absent, unfinished or wrong", async () => {
  const tree = { ...SHARED, changeDetector: { token: "t" }, redis: 5, azureSink: { concurrency: "many" } };
  expect(await faultsOf(tree, "changeDetector")).toEqual([]);
});

test("a key whose reference failed has that one fault and no second", async () => {
  const faults = await faultsOf({ ...SINK, azureSink: { token: "${NOPE}" } }, "azureSink");
  expect(faults).toHaveLength(1);
  expect(faults[0]?.problem).toContain("NOPE");
});

test("a reference may stand for a number, a truth value or a list; quoted text in the file may not", async () => {
  const tree = {
    ...SHARED,
    nats: { servers: "${SERVERS}" },
    associationService: { token: "t", gateway: { enabled: "${ON}" }, settle: { intervalS: "${EVERY:-90}" } },
  };
  const environment = { SERVERS: "nats://a:1, nats://b:2", ON: "true" };
  const resolved = resolveConfig(await raw(tree, environment), "associationService");
  if (resolved.kind === "faulty") throw new Error(formatFaults("x", resolved.faults));
  expect(resolved.sections.nats.servers).toEqual(["nats://a:1", "nats://b:2"]);
  expect(resolved.sections.associationService.gateway.enabled).toBe(true);
  expect(resolved.sections.associationService.settle.intervalS).toBe(90);
  const quoted = { ...SHARED, associationService: { token: "t", settle: { intervalS: "90" } } };
  expect(pathsOf(await faultsOf(quoted, "associationService"))).toEqual([
    "associationService.settle.intervalS",
  ]);
});

test("a reference that is no number where one is wanted is a fault that does not show it", async () => {
  const tree = { ...SINK, azureSink: { token: "t", concurrency: "${N}" } };
  const faults = await faultsOf(tree, "azureSink", { N: CANARY });
  expect(pathsOf(faults)).toEqual(["azureSink.concurrency"]);
  expect(formatFaults("x", faults)).not.toContain(CANARY);
});

test("an empty text is a key that is not there: absent if optional, its default, or missing", async () => {
  const tree = {
    ...SHARED,
    redis: { url: "" },
    azureSink: {
      token: "t",
      concurrency: "${NONE:-}",
      azure: { clientSecret: "${NONE:-}", authorityHost: "" },
    },
  };
  expect(pathsOf(await faultsOf(tree, "azureSink"))).toEqual(["redis.url"]);
  const resolved = resolveConfig(await raw({ ...tree, redis: { url: "redis://r" } }), "azureSink");
  if (resolved.kind === "faulty") throw new Error(formatFaults("x", resolved.faults));
  expect(resolved.sections.azureSink).toEqual({
    listen: { host: "127.0.0.1", port: 9403 },
    token: expect.anything(),
    concurrency: 16,
    azure: { requestTimeoutMs: 10_000 },
    drift: { intervalS: 3_600, settledS: 60 },
  });
});

test("Vault's Azure variables stand in for keys that the file does not have, and lose against it", async () => {
  const environment = { AZURE_TENANT_ID: "tenant", AZURE_CLIENT_ID: "from-environment", KEY_VAULT_URI: "" };
  const tree = { ...SHARED, associationService: { token: "t", defaults: { clientId: "from-file" } } };
  const resolved = resolveConfig(await raw(tree, environment), "associationService");
  if (resolved.kind === "faulty") throw new Error(formatFaults("x", resolved.faults));
  expect(resolved.sections.associationService.defaults).toEqual({
    tenantId: "tenant",
    clientId: "from-file",
  });
  const sink = resolveConfig(await raw(SINK, { AZURE_CLIENT_SECRET: "hush" }), "azureSink");
  expect(sink.kind === "ok" && SPLIT.azureSink(sink.sections).secrets.clientSecret?.reveal()).toBe("hush");
});

test("a path counts from the file's folder, and an address loses the slash at its end", async () => {
  const tree = {
    source: { address: "http://127.0.0.1:8200/" },
    nats: { servers: ["nats://127.0.0.1:4222/"] },
    changeDetector: { token: "t", hints: { auditFile: "log/audit.log" } },
  };
  const resolved = resolveConfig(await raw(tree), "changeDetector");
  if (resolved.kind === "faulty") throw new Error(formatFaults("x", resolved.faults));
  expect(resolved.sections.changeDetector.hints.auditFile).toBe("/etc/keyferry/log/audit.log");
  expect(resolved.sections.source.address).toBe("http://127.0.0.1:8200");
  expect(resolved.sections.nats.servers).toEqual(["nats://127.0.0.1:4222"]);
});

test("addresses are refused for what they must not hold", async () => {
  const address = async (value: string) =>
    (await faultsOf({ ...SINK, source: { address: value } }, "azureSink"))[0];
  expect(await address("127.0.0.1:8200")).toMatchObject({ path: "source.address" });
  expect(await address("ftp://a")).toMatchObject({ problem: "does not begin with https:// or http://" });
  expect(await address(`http://u:${CANARY}@a`)).toMatchObject({ problem: "holds a user or a password" });
  expect(await address("http://a/v1")).toMatchObject({ problem: "has a path or a query" });
  expect(await address("http://a?x=1")).toMatchObject({ problem: "has a path or a query" });
});

test("nats takes one way to log in", async () => {
  const nats = async (more: object) =>
    pathsOf(await faultsOf({ ...SINK, nats: { servers: ["nats://a"], ...more } }, "azureSink"));
  expect(await nats({ user: "u", password: "p" })).toEqual([]);
  expect(await nats({ user: "u" })).toEqual(["nats.password"]);
  expect(await nats({ password: "p" })).toEqual(["nats.user"]);
  expect(await nats({ credsFile: "a", user: "u", password: "p" })).toEqual(["nats.credsFile"]);
});

test("P5: no secret shows in a configuration, nor a misplaced one in a fault", async () => {
  const tree = {
    source: { address: `http://x:${CANARY}@a`, passwordx: CANARY, name: CANARY.repeat(9) },
    nats: { servers: [`nats://u:${CANARY}@a`, CANARY], user: "u", password: CANARY },
    redis: { url: `http://:${CANARY}@r` },
    azureSink: { token: CANARY, concurrency: CANARY, listen: CANARY, azure: { clientSecret: [CANARY] } },
  };
  const faults = await faultsOf(tree, "azureSink");
  expect(faults.length).toBeGreaterThan(7);
  expect(formatFaults("x", faults)).not.toContain(CANARY);

  const good = { ...SINK, redis: { url: `redis://:${CANARY}@r` }, azureSink: { token: CANARY } };
  const resolved = resolveConfig(await raw(good), "azureSink");
  if (resolved.kind === "faulty") throw new Error(formatFaults("x", resolved.faults));
  const split = SPLIT.azureSink(resolved.sections);
  expect(`${inspect(split, { depth: 9 })}${JSON.stringify(split)}`).not.toContain(CANARY);
  expect(JSON.stringify(split.config)).not.toContain("[secret]");
  expect(split.secrets.redisUrl.reveal()).toContain(CANARY);
});

test("a group that is text, and a list that is a group, are told as such", async () => {
  const faults = await faultsOf({ ...SINK, source: "x", nats: { servers: { a: 1 } } }, "azureSink");
  expect(faults.map(({ path, problem }) => `${path} ${problem}`)).toEqual([
    "source is text, not a group of keys",
    "nats.servers is a group of keys, not a list",
  ]);
});

test("a service logs in by a token or by a method with all that it needs, not by both", async () => {
  const auth = async (section: Record<string, unknown>) =>
    pathsOf(await faultsOf({ ...SHARED, changeDetector: section }, "changeDetector"));
  expect(await auth({ auth: { method: "kubernetes", role: "keyferry" } })).toEqual([]);
  expect(await auth({ auth: { method: "jwt", role: "keyferry" } })).toEqual(["changeDetector.auth.jwtFile"]);
  expect(await auth({ auth: { method: "approle" } })).toEqual([
    "changeDetector.auth.roleId",
    "changeDetector.auth.secretId",
  ]);
  expect(await auth({ token: "t", auth: { method: "kubernetes", role: "r" } })).toEqual([
    "changeDetector.token",
  ]);
});

test("a login's secret id is among the secrets, the rest in the configuration", async () => {
  const section = { auth: { method: "approle", roleId: "r", secretId: CANARY } };
  const resolved = resolveConfig(await raw({ ...SHARED, changeDetector: section }), "changeDetector");
  if (resolved.kind !== "ok") throw new Error("faulty");
  const { config, secrets } = SPLIT.changeDetector(resolved.sections);
  expect(config.changeDetector.auth).toEqual({ method: "approle", roleId: "r" });
  expect([JSON.stringify(config).includes(CANARY), secrets.secretId?.reveal()]).toEqual([false, CANARY]);
});

test("hints of people's own need a token where others than this machine can bring them, and the token is a secret", async () => {
  const faults = async (manual: Record<string, unknown>) =>
    pathsOf(
      await faultsOf({ ...SHARED, changeDetector: { token: "t", hints: { manual } } }, "changeDetector"),
    );
  expect(await faults({})).toEqual([]);
  expect(await faults({ listen: "[::1]:9412" })).toEqual([]);
  expect(await faults({ listen: "0.0.0.0:9412" })).toEqual(["changeDetector.hints.manual.token"]);
  expect(await faults({ listen: "0.0.0.0:9412", token: "x" })).toEqual([]);
  const section = { token: "t", hints: { manual: { token: CANARY } } };
  const resolved = resolveConfig(await raw({ ...SHARED, changeDetector: section }), "changeDetector");
  if (resolved.kind !== "ok") throw new Error("faulty");
  const { config, secrets } = SPLIT.changeDetector(resolved.sections);
  expect(config.changeDetector.hints.manual).toEqual({ listen: { host: "127.0.0.1", port: 9412 } });
  expect([JSON.stringify(config).includes(CANARY), secrets.hintToken?.reveal()]).toEqual([false, CANARY]);
});
