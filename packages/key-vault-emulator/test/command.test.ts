// Proves: the command starts, says where it is, does what its arguments say, and ends on SIGTERM.
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { loopbackAgent, sendRaw } from "./support/https-client.ts";

const CLI = fileURLToPath(new URL("../src/cli.ts", import.meta.url));

interface Ready {
  readonly port: number;
  readonly caFile: string;
  readonly controlUrl: string;
  readonly authorityHost: string;
  readonly vaultUrlPattern: string;
  readonly managedIdentityUrl?: string;
}

let folder: string;
let child: ChildProcess | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "keyferry-command-"));
});

afterEach(async () => {
  child?.kill("SIGKILL");
  child = undefined;
  await rm(folder, { recursive: true, force: true });
});

interface Ended {
  readonly code: number | null;
  readonly stderr: string;
}

function run(args: readonly string[]): Promise<Ended> {
  const started = spawn(process.execPath, [CLI, ...args], { stdio: ["ignore", "ignore", "pipe"] });
  child = started;
  let stderr = "";
  started.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  return new Promise((resolve) => started.once("close", (code) => resolve({ code, stderr })));
}

async function start(args: readonly string[]): Promise<{ ready: Ready; ended: Promise<Ended> }> {
  const readyFile = join(folder, "ready.json");
  const ended = run(["--port", "0", "--ready-file", readyFile, "--ca-file", join(folder, "ca.pem"), ...args]);
  await expect.poll(() => existsSync(readyFile), { timeout: 20_000 }).toBe(true);
  await expect.poll(() => readFile(readyFile, "utf8")).toContain("\n");
  return { ready: JSON.parse(await readFile(readyFile, "utf8")) as Ready, ended };
}

async function control(ready: Ready, path: string): Promise<Readonly<Record<string, unknown>>> {
  const agent = loopbackAgent(await readFile(ready.caFile, "utf8"));
  const { json } = await sendRaw(agent, { method: "GET", url: `${ready.controlUrl}/${path}` });
  agent.destroy();
  return json;
}

test("the ready file says where everything is, and SIGTERM ends with 0", async () => {
  const { ready, ended } = await start([]);
  expect(ready).toMatchObject({
    caFile: join(folder, "ca.pem"),
    authorityHost: `https://localhost:${ready.port}`,
    controlUrl: `https://localhost:${ready.port}/_emulator`,
    vaultUrlPattern: `https://{vault}.vault.azure.net:${ready.port}`,
  });
  expect(await control(ready, "health")).toMatchObject({ status: "ok" });
  child?.kill("SIGTERM");
  expect(await ended).toEqual({ code: 0, stderr: "" });
});

test("limits and delays are taken from the command line", async () => {
  const { ready } = await start([
    "--limits",
    "7,9",
    "--window",
    "fixed",
    "--count-rejected",
    "--retry-after",
    "3",
    "--soft-delete",
    "1,2,3,4",
  ]);
  expect(await control(ready, "limits")).toMatchObject({
    policy: {
      vaultCreates: 7,
      groupCreates: 35,
      vaultOthers: 9,
      shape: "fixed",
      countRejected: true,
      retryAfterSeconds: 3,
    },
  });
  expect(await control(ready, "clock")).toMatchObject({
    softDelete: { deletingMs: 1, recoverReadableMs: 2, recoverWritableMs: 3, purgingMs: 4 },
  });
});

test("a file of options is read, and the command line goes before it", async () => {
  const config = join(folder, "config.json");
  await writeFile(config, JSON.stringify({ limits: "off", softDelete: "hostile" }));
  const { ready } = await start(["--config", config, "--soft-delete", "instant"]);
  expect(await control(ready, "limits")).toMatchObject({ policy: "off" });
  expect(await control(ready, "clock")).toMatchObject({ softDelete: { deletingMs: 0 } });
});

test("the managed-identity endpoint gives tokens over plain http, and only with its header", async () => {
  const { ready } = await start(["--managed-identity-port", "0"]);
  const url = `${ready.managedIdentityUrl}/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://vault.azure.net`;
  expect((await fetch(url)).status).toBe(400);
  const { access_token: token } = (await (await fetch(url, { headers: { metadata: "true" } })).json()) as {
    access_token: string;
  };
  const agent = loopbackAgent(await readFile(ready.caFile, "utf8"));
  const vault = ready.vaultUrlPattern.replace("{vault}", "any-vault");
  const headers = { authorization: `Bearer ${token}` };
  expect(
    (await sendRaw(agent, { method: "GET", url: `${vault}/secrets?api-version=7.6`, headers })).status,
  ).toBe(200);
  agent.destroy();
});

test.each([
  [["--limits", "some"]],
  [["--soft-delete", "1,2"]],
  [["--port", "70000"]],
  [["--vault", "1-starts-with-a-digit"]],
  [["--retention-days", "3"]],
  [["--state-file", "/"]],
])("the arguments %j end with a message and not with 0", async (args) => {
  const { code, stderr } = await run(args);
  expect(code).not.toBe(0);
  expect(stderr.split("\n").filter((line) => line !== "")).toHaveLength(1);
});
