// docs/operations/source.md: the source is restored from a snapshot, or another cluster answers at its address. A secret
// that went back is synced as it is; another cluster is held until a person confirms it (P1, O8).
import { cp, rm } from "node:fs/promises";
import { join } from "node:path";
import { eventually, startOpenBao } from "@keyferry/testkit";
import { expect, test } from "vitest";
import { FIRST, startDisaster } from "../support/disaster.ts";
import { keyferry, keyferryJson } from "../support/keyferry.ts";

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
  expect(other.url).toBe(stack.openbao.url);
  await eventually(
    async () => {
      const { held } = await keyferryJson(stack, ["confirm"]).catch(() => ({ held: [] }));
      return (
        (held as unknown[]).length > 0 ||
        (await keyferry(stack, ["confirm"])).stdout.includes("source-changed")
      );
    },
    { what: "the mount to be held as its cluster changed", timeoutMs: 90_000 },
  );
  await disaster.expectWritten(3);
}, 240_000);
