// The emulator in the test's process and as a process of its own.

import { expect, test } from "vitest";
import { isAlive, startKeyVault, startKeyVaultProcess } from "../src/index.ts";

test("in process, the emulator's handle is the emulator's own", async () => {
  await using emulator = await startKeyVault({ softDelete: "instant", limits: "off" });
  emulator.putManaged("kv-kit", "cert", "value");
  expect(emulator.state("kv-kit").map((secret) => secret.name)).toEqual(["cert"]);
  expect(emulator.vaultUrl("kv-kit")).toBe(`https://kv-kit.vault.azure.net:${emulator.port}`);
});

test("as a process, the emulator keeps its vaults and its port over a restart and ends with stop", async () => {
  await using server = await startKeyVaultProcess({ persistent: true, emulator: { limits: "off" } });
  await server.control("POST", "secrets", { vault: "kv-kit", name: "cert", value: "value" });
  const { pid } = server;
  await server.restart();
  expect(server.pid).not.toBe(pid);
  expect(await server.control("GET", "secrets?vault=kv-kit")).toMatchObject({
    vaults: { "kv-kit": [{ name: "cert", managed: true }] },
  });
  await expect(server.control("GET", "nothing")).rejects.toThrow(/answered 404/u);
  const last = server.pid;
  await server.stop();
  expect(isAlive(last ?? 0)).toBe(false);
});
