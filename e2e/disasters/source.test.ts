// docs/operations/source.md: the source is restored from a snapshot, or another cluster answers at its address. A secret
// that went back is synced as it is; another cluster is held until a person confirms it (P1, O8).
import { cp, readFile, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import {
  eventually,
  SERVICE_NAMES,
  type Stack,
  STACK_MOUNT,
  startOpenBao,
  VaultApi,
} from "@keyferry/testkit";
import { expect, test } from "vitest";
import { FIRST, startDisaster } from "../support/disaster.ts";
import { keyferry } from "../support/keyferry.ts";

const POLICIES = resolve(import.meta.dirname, "../../deploy/policies");

test("restored from a snapshot of the same cluster: Key Vault goes where the source went, nothing is deleted", async () => {
  await using disaster = await startDisaster("snapshot", { sourcePersistent: true });
  const { stack } = disaster;
  const data = join(stack.openbao.dir, "raft");
  await stack.openbao.kill();
  await cp(data, `${data}.copy`, { recursive: true });
  await stack.openbao.start();
  await disaster.change("app-one", "second");
  await disaster.inStep({ ...FIRST, "app-one": "second" });
  await stack.openbao.kill();
  await rm(data, { recursive: true });
  await cp(`${data}.copy`, data, { recursive: true });
  await stack.openbao.start();
  await disaster.inStep(FIRST, 120_000);
  expect((await disaster.written()).deletes).toBe(0);
}, 240_000);

test("another cluster at the same address: everything is held, the doctor says what to confirm", async () => {
  await using disaster = await startDisaster("other-cluster");
  const { stack } = disaster;
  const { port, rootToken } = stack.openbao;
  await stack.openbao.kill();
  await using other = await startOpenBao({ port, rootToken });
  await letIn(stack, new VaultApi(other.url, rootToken));
  // Another secret of the same name: not a version of it may reach Key Vault, nor may its absence delete one.
  await new VaultApi(other.url, rootToken).putSecret(STACK_MOUNT, "app-one", { value: "of another cluster" });
  const doctor = await eventually(async () => (await keyferry(stack, ["doctor"])).stdout, {
    what: "the doctor to find that the source changed",
    until: (text) => text.includes("source-changed"),
    timeoutMs: 120_000,
  });
  expect(doctor).toMatch(/keyferry confirm \S+/);
  expect((await keyferry(stack, ["confirm"])).stdout).toContain("source-changed");
  await disaster.expectWritten(3);
}, 300_000);

/** Gives another cluster the mount, and each service a token of it, as a careless restore would. */
async function letIn(stack: Stack, cluster: VaultApi): Promise<void> {
  await cluster.mountKv2(STACK_MOUNT);
  for (const name of SERVICE_NAMES) {
    const policy = await readFile(join(POLICIES, `${name}.hcl`), "utf8");
    const token = await cluster.tokenFor(`keyferry-${name}`, policy);
    await writeFile(join(stack.dir, "tokens", name), `${token}\n`);
  }
}
