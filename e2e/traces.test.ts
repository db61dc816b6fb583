// One trace leads from a write at the source to the Key Vault version: its id is the request id of the write in the
// source's own audit log, without dashes, and the spans of all three services hang on it.
import { readFile } from "node:fs/promises";
import {
  eventually,
  type Stack,
  STACK_MOUNT,
  startStack,
  startTraceCollector,
  type TraceCollector,
  VaultApi,
} from "@keyferry/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { liveSecrets } from "./support/emulated-vault.ts";
import { runFolder } from "./support/run-folder.ts";
import { associate, createDestination } from "./support/sync-api.ts";

let folder: Awaited<ReturnType<typeof runFolder>>;
let collector: TraceCollector;
let stack: Stack;

beforeAll(async () => {
  folder = await runFolder();
  collector = await startTraceCollector();
  stack = await startStack({ dir: folder.path, otlpEndpoint: collector.endpoint });
});

afterAll(async () => {
  await stack.stop();
  await collector[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

/** The request id of the last write of a secret, as the source's audit log tells it. */
async function requestIdOfLastWrite(path: string): Promise<string> {
  const lines = (await readFile(stack.openbao.auditFile, "utf8")).trim().split("\n");
  const ids = lines
    .map(
      (line) =>
        JSON.parse(line) as { type: string; request: { id: string; path: string; operation: string } },
    )
    .filter(
      ({ type, request }) => type === "response" && request.path === path && request.operation !== "read",
    )
    .map(({ request }) => request.id);
  return ids.at(-1) ?? "none";
}

test("the id of the write in the audit log finds the whole way to the Key Vault version", async () => {
  const source = new VaultApi(stack.openbao.url, stack.openbao.rootToken);
  await createDestination(stack, "traced");
  await source.putSecret(STACK_MOUNT, "app", { password: "before-the-association" });
  await associate(stack, "traced", "app");
  const versions = (wished: number): Promise<unknown> =>
    eventually(async () => (await liveSecrets(stack, "traced")).get("app")?.versions.length ?? 0, {
      what: `version ${wished} in Key Vault`,
      until: (count) => count === wished,
    });
  await versions(1);
  await source.putSecret(STACK_MOUNT, "app", { password: "canary-4711-of-the-trace" });
  await versions(2);

  const traceId = (await requestIdOfLastWrite(`${STACK_MOUNT}/data/app`)).replaceAll("-", "");
  expect(traceId).toMatch(/^[0-9a-f]{32}$/);
  const ofTrace = () => collector.spans.filter((span) => span.traceId === traceId);
  await eventually(async () => ofTrace().map(({ service, name }) => `${service}: ${name}`), {
    what: "the trace's spans at the collector",
    until: (found) =>
      found.includes("change-detector: look at a secret") &&
      found.includes("association-service: consume resolver") &&
      found.includes("azure-sink: key-vault PUT"),
  });

  // From the PUT back to the look, parent by parent.
  const spans = new Map(ofTrace().map((span) => [span.spanId, span]));
  const way: string[] = [];
  let at = ofTrace().find(({ name }) => name === "key-vault PUT");
  while (at !== undefined) {
    way.unshift(at.service);
    at = spans.get(at.parentSpanId);
  }
  expect([...new Set(way)]).toEqual(["change-detector", "association-service", "azure-sink"]);
  const log = await readFile(`${folder.path}/logs/azure-sink.log`, "utf8");
  expect(
    log.split("\n").filter((line) => line.includes(traceId) && line.includes("external secret put")),
  ).toHaveLength(1);
  expect(collector.bodies.join("")).not.toContain("canary-4711");
});
