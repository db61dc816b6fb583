// Proves: with a state file the vaults outlive the process: secrets, versions, states of deletion, time, backups.
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { startKeyVaultEmulator } from "../src/index.ts";
import type { KeyVaultEmulator } from "../src/index.ts";
import { loopbackAgent, sendRaw } from "./support/https-client.ts";
import type { RawAnswer } from "./support/https-client.ts";

let folder: string;
let stateFile: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "keyferry-state-"));
  stateFile = join(folder, "state.json");
});

afterEach(() => rm(folder, { recursive: true, force: true }));

async function call(
  emulator: KeyVaultEmulator,
  method: string,
  path: string,
  body?: unknown,
): Promise<RawAnswer> {
  const agent = loopbackAgent(emulator.caPem);
  const headers = { authorization: `Bearer ${emulator.issueToken()}` };
  const url = `${emulator.vaultUrl("kept")}${path}?api-version=7.6`;
  const answer = await sendRaw(agent, {
    method,
    url,
    headers,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  agent.destroy();
  return answer;
}

test("secrets with their versions and tags are there after a restart", async () => {
  const first = await startKeyVaultEmulator({ stateFile });
  await call(first, "PUT", "/secrets/Name", { value: "old" });
  await call(first, "PUT", "/secrets/name", { value: "new", tags: { a: "b" } });
  const before = first.state("kept", { reveal: true });
  await first.close();
  await using second = await startKeyVaultEmulator({ stateFile });
  expect(second.state("kept", { reveal: true })).toEqual(before);
  expect((await call(second, "GET", "/secrets/NAME")).json["value"]).toBe("new");
});

test("a deletion goes on over a restart, and time does not go back", async () => {
  const first = await startKeyVaultEmulator({ stateFile });
  first.clock.advance(3_600_000);
  await call(first, "PUT", "/secrets/a", { value: "v" });
  await call(first, "DELETE", "/secrets/a");
  const nowMs = first.clock.nowMs();
  await first.close();
  await using second = await startKeyVaultEmulator({ stateFile });
  expect(second.clock.nowMs()).toBeGreaterThanOrEqual(nowMs);
  expect((await call(second, "GET", "/deletedsecrets/a")).status).toBe(404);
  second.clock.advance(5_000);
  expect((await call(second, "GET", "/deletedsecrets/a")).status).toBe(200);
});

test("a backup of before the restart can be restored after it", async () => {
  const first = await startKeyVaultEmulator({ stateFile, softDelete: "instant" });
  await call(first, "PUT", "/secrets/a", { value: "v" });
  const { json } = await call(first, "POST", "/secrets/a/backup");
  await first.close();
  await using second = await startKeyVaultEmulator({ stateFile, softDelete: "instant" });
  await call(second, "DELETE", "/secrets/a");
  await call(second, "DELETE", "/deletedsecrets/a");
  expect((await call(second, "POST", "/secrets/restore", json)).status).toBe(200);
});

test("the file is written soon after a change, without a close", async () => {
  await using emulator = await startKeyVaultEmulator({ stateFile });
  await call(emulator, "PUT", "/secrets/written", { value: "v" });
  await expect
    .poll(() => readFile(stateFile, "utf8").catch(() => ""), { timeout: 5_000 })
    .toContain("written");
});

test("nobody else may read the file", async () => {
  const emulator = await startKeyVaultEmulator({ stateFile });
  await emulator.close();
  expect((await stat(stateFile)).mode & 0o077).toBe(0);
});

test.each(["", "{", '{"format":99}', '{"format":1,"nowMs":0,"backupKey":"","vaults":[]}'])(
  "a file that holds %j is refused at the start, and left as it is",
  async (content) => {
    await writeFile(stateFile, content);
    await expect(startKeyVaultEmulator({ stateFile })).rejects.toThrow(/JSON|format|backupKey/);
    expect(await readFile(stateFile, "utf8")).toBe(content);
  },
);
