// P5: values are in Vault, in a sink's memory for one operation, and in Key Vault: nowhere else. Distinctive values are
// planted as secrets, then looked for in everything that any process of the system has written, and in what it serves.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  Canary,
  eventually,
  type Stack,
  STACK_MOUNT,
  startStack,
  startTraceCollector,
  type TraceCollector,
  VaultApi,
} from "@keyferry/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { liveSecrets, writeByHand } from "./support/emulated-vault.ts";
import { keyferry } from "./support/keyferry.ts";
import { runFolder } from "./support/run-folder.ts";
import { associate, createDestination, rows } from "./support/sync-api.ts";

let folder: Awaited<ReturnType<typeof runFolder>>;
let collector: TraceCollector;
let stack: Stack;

beforeAll(async () => {
  folder = await runFolder();
  collector = await startTraceCollector();
  stack = await startStack({
    dir: folder.path,
    logLevel: "debug",
    redisPersistent: true,
    otlpEndpoint: collector.endpoint,
  });
});

afterAll(async () => {
  await stack.stop();
  await collector[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

test("P5: a value is in no file, log, message, metric, trace or answer, also when its write fails", async () => {
  const canary = new Canary();
  const clientSecret = canary.value("client-secret");
  const source = new VaultApi(stack.openbao.url, stack.openbao.rootToken);
  await createDestination(stack, "canary");
  const first = canary.value("first");
  await source.putSecret(STACK_MOUNT, "canary", { password: first });
  await associate(stack, "canary", "canary");
  await arrives(first);

  // A reset after the value was sent: the SDK's error holds the request's body (hazard error-carries-the-body).
  await stack.keyVault.control("POST", "faults", {
    fault: { kind: "reset-after" },
    operations: ["set"],
    count: 1,
  });
  const lost = canary.value("lost-answer");
  await source.putSecret(STACK_MOUNT, "canary", { password: lost });
  await arrives(lost);
  await stack.keyVault.control("POST", "faults", {
    fault: { kind: "error", status: 500 },
    operations: ["set"],
    count: 1,
  });
  const failed = canary.value("failed");
  await source.putSecret(STACK_MOUNT, "canary", { password: failed });
  await arrives(failed);
  // A credential that Entra refuses.
  await createDestination(stack, "canary-refused", {
    client_secret: clientSecret,
    skip_connection_check: true,
  });
  await source.putSecret(STACK_MOUNT, "unauthorised", { password: canary.value("unauthorised") });
  await associate(stack, "canary-refused", "unauthorised");
  await eventually(async () => (await rows(stack, "canary-refused"))[0]?.sync_status, {
    what: "the refusal to be told",
    until: (status) => status === "CLIENT_SIDE_ERROR",
  });

  const served = await Promise.all(Object.values(stack.services).map((service) => service.metrics()));
  served.push(JSON.stringify(await rows(stack, "canary")));
  served.push(
    JSON.stringify(await stack.vault.expect("GET", "sys/sync/destinations/azure-kv/canary-refused")),
  );
  // The spans of the failed writes, too.
  await eventually(() => collector.spans.some(({ name }) => name === "key-vault PUT"), {
    what: "the traces",
  });
  expect(collector.bodies.flatMap((text) => canary.searchText(text, "traces"))).toEqual([]);
  expect(served.flatMap((text) => canary.searchText(text, "served"))).toEqual([]);
  expect(await canary.searchFiles(folder.path)).toEqual([]);
  // The search can find: a file that holds one is reported.
  expect(canary.searchText(`x${first}x`).length).toBeGreaterThan(0);
});

test("P5: what keyferry adopt compares, there and at the source, is nowhere either, the same or not", async () => {
  const canary = new Canary();
  const source = new VaultApi(stack.openbao.url, stack.openbao.rootToken);
  await createDestination(stack, "canary-adopt");
  const same = canary.value("same");
  await writeByHand(stack, "canary-adopt", "same", JSON.stringify({ password: same }));
  await writeByHand(stack, "canary-adopt", "other", canary.value("theirs"));
  await source.putSecret(STACK_MOUNT, "same", { password: same });
  await source.putSecret(STACK_MOUNT, "other", { password: canary.value("ours") });
  for (const name of ["same", "other"]) await associate(stack, "canary-adopt", name);
  await eventually(async () => (await rows(stack, "canary-adopt")).map(({ sync_status }) => sync_status), {
    what: "both to be refused",
    until: (all) => all.length === 2 && all.every((status) => status === "CLIENT_SIDE_ERROR"),
  });
  const looked = await keyferry(stack, ["adopt", "canary-adopt", "--digests", "-o", "json"]);
  expect(looked.stdout).toMatch(/"value": "different"[^]*"value": "same"/);
  const adopted = await keyferry(stack, ["adopt", "canary-adopt", "--digests", "--yes"]);
  expect(adopted).toMatchObject({ code: 0, stdout: "Taken over: my-kv/other, my-kv/same\n" });
  const shown = [looked, adopted].flatMap(({ stdout, stderr }) => [stdout, stderr]);
  expect(shown.flatMap((text) => canary.searchText(text, "shown"))).toEqual([]);
  expect(await canary.searchFiles(folder.path)).toEqual([]);
});

test("P5: a value is in no process's arguments or environment, in no dead letter, and in no output of a crash", async () => {
  const canary = new Canary();
  const source = new VaultApi(stack.openbao.url, stack.openbao.rootToken);
  await createDestination(stack, "canary-crash");
  // Too large for Key Vault: hopeless, so that a dead letter tells of it.
  const large = canary.value("too-large");
  await source.putSecret(STACK_MOUNT, "too-large", { password: large.repeat(1_000) });
  await associate(stack, "canary-crash", "too-large");
  await eventually(async () => (await rows(stack, "canary-crash"))[0]?.sync_status, {
    what: "the refusal to be told",
    until: (status) => status === "CLIENT_SIDE_ERROR",
  });
  // A write that is on its way, the value in the sink's memory, while the process ends as a defect would end it.
  const { id } = (await stack.keyVault.control("POST", "faults", {
    fault: { kind: "hold" },
    operations: ["set"],
    vault: "canary-crash",
  })) as { id: number };
  await source.putSecret(STACK_MOUNT, "in-hand", { password: canary.value("in-hand") });
  await associate(stack, "canary-crash", "in-hand");
  await eventually(async () => await isHeld(), { what: "the write to be on its way" });

  const processes = Object.values(stack.services).flatMap(({ pid }) => (pid === undefined ? [] : [pid]));
  expect(processes).toHaveLength(3);
  expect(
    (await Promise.all(processes.map(launchOf))).flatMap((text) => canary.searchText(text, "launch")),
  ).toEqual([]);

  const sink = stack.services["azure-sink"];
  if (sink.pid !== undefined) process.kill(sink.pid, "SIGABRT");
  await eventually(() => sink.pid === undefined, { what: "the sink to be gone" });
  // Not the folder that it ran in: a core file, where the machine writes them, holds the process's memory, and
  // docs/security.md says to turn them off.
  expect(await canary.searchFiles(join(folder.path, "logs"))).toEqual([]);
  await stack.keyVault.control("DELETE", `faults/${id}`);
  await sink.start();
  expect(await canary.searchFiles(join(folder.path, "nats"))).toEqual([]);
  expect(await canary.searchFiles(join(folder.path, "redis"))).toEqual([]);
});

async function isHeld(): Promise<boolean> {
  const { requests } = (await stack.keyVault.control(
    "GET",
    "log?vault=canary-crash&operation=set&status=0",
  )) as {
    requests: readonly unknown[];
  };
  return requests.length > 0;
}

/** How a process was started, as any user of the machine with the right to look can read it; nothing where there is no /proc. */
async function launchOf(pid: number): Promise<string> {
  const parts = await Promise.all(
    ["cmdline", "environ"].map((name) => readFile(`/proc/${pid}/${name}`, "utf8").catch(() => "")),
  );
  return parts.join("\n");
}

async function arrives(password: string): Promise<void> {
  await eventually(async () => [...(await liveSecrets(stack, "canary")).values()].map(({ value }) => value), {
    what: "the value in Key Vault",
    until: (values) => values.includes(JSON.stringify({ password })),
    timeoutMs: 60_000,
  });
}
