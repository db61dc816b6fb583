import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { KeyferryError } from "@keyferry/errors";
import { afterEach, beforeEach, expect, test } from "vitest";
import { loadAssociationConfig, loadDetectorConfig, loadSinkConfig } from "./load.ts";

let folder = "";

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "keyferry-config-"));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const GOOD = `
source: { address: "http://127.0.0.1:8200", caFile: ca.pem }
nats: { servers: [nats://127.0.0.1:4222] }
redis: { url: "\${REDIS}" }
changeDetector: { token: file:token }
associationService: { token: t }
azureSink: { token: t }
`;

async function origin(yaml: string, environment: Record<string, string> = {}) {
  const file = join(folder, "keyferry.yaml");
  await writeFile(file, yaml);
  return { file, environment };
}

async function messageOf(loading: Promise<unknown>): Promise<string> {
  const error: unknown = await loading.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof KeyferryError) || error.code !== "config-invalid")
    throw new Error("not config-invalid");
  return error.message;
}

test("a configuration is read with its files, which lie beside it, and rotated secrets are read again", async () => {
  await writeFile(join(folder, "token"), "first\n");
  await writeFile(join(folder, "ca.pem"), "pem");
  const { config, secrets, listen, rereadSecrets } = await loadDetectorConfig(await origin(GOOD));
  expect(secrets.token?.reveal()).toBe("first");
  expect(config.source.caFile).toBe(join(folder, "ca.pem"));
  expect(listen).toEqual({ host: "127.0.0.1", port: 9401 });
  await writeFile(join(folder, "token"), "second\n");
  expect((await rereadSecrets()).token?.reveal()).toBe("second");
});

test("a service needs neither the variables nor the files of another one's section", async () => {
  await writeFile(join(folder, "ca.pem"), "pem");
  const { secrets } = await loadAssociationConfig(await origin(GOOD));
  expect(secrets.token?.reveal()).toBe("t");
});

test("files that are not there and variables that are not set are told together with everything else", async () => {
  const yaml = GOOD.replace("azureSink: { token: t }", "azureSink: { token: file:gone, concurrency: 0 }");
  const message = await messageOf(loadSinkConfig(await origin(yaml)));
  expect(message).toContain("keyferry.yaml: 4 faults");
  expect(message).toContain("source.caFile names the file ca.pem, which does not exist");
  expect(message).toContain("redis.url refers to the environment variable REDIS, which is not set");
  expect(message).toContain("azureSink.token refers to the file gone, which does not exist");
  expect(message).toContain("azureSink.concurrency is below 1");
});

test("a file that is not there, is a folder or is too large is told by name", async () => {
  const load = (file: string) => messageOf(loadSinkConfig({ file, environment: {} }));
  expect(await load(join(folder, "none.yaml"))).toContain("the file does not exist");
  await mkdir(join(folder, "folder.yaml"));
  expect(await load(join(folder, "folder.yaml"))).toContain("the file is a folder");
  await writeFile(join(folder, "large.yaml"), "#".repeat(1_048_577));
  expect(await load(join(folder, "large.yaml"))).toContain("the file is too large");
});

test("text that is not YAML is told by its place, and not quoted", async () => {
  const message = await messageOf(loadSinkConfig(await origin("a: 1\nnats: [canary-1\nb: {canary-2")));
  expect(message).toMatch(/is not YAML at line \d+, column \d+ \([a-z ]+\)/);
  expect(message).not.toContain("canary");
  const flow = await messageOf(loadSinkConfig(await origin("redis: { url: ${URL} }")));
  expect(flow).toContain("1 fault");
  expect(flow).toContain("Inside [ ] and { } a ${NAME} has to stand in quotes.");
});

test("a key that is written twice, a list and a text are no configuration", async () => {
  expect(await messageOf(loadSinkConfig(await origin("log: {}\nlog: {}\n")))).toContain("duplicate key");
  expect(await messageOf(loadSinkConfig(await origin("- a")))).toContain("holds no sections");
  expect(await messageOf(loadSinkConfig(await origin("hello")))).toContain("holds no sections");
});

test("an empty file lacks what is required, and nothing else is wrong with it", async () => {
  expect(await messageOf(loadSinkConfig(await origin("")))).toContain("4 faults");
});

test("aliases that grow without end are refused", async () => {
  const lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"];
  for (let i = 1; i < 9; i += 1)
    lines.push(`a${i}: &a${i} [${Array.from({ length: 10 }, () => `*a${i - 1}`).join(", ")}]`);
  expect(await messageOf(loadSinkConfig(await origin(lines.join("\n"))))).toContain("aliases");
});
