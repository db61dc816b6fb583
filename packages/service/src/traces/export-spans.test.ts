import { createServer } from "node:http";
import { once } from "node:events";
import { inTrace, span } from "@keyferry/ports";
import { afterEach, expect, test } from "vitest";
import { exportSpans } from "./export-spans.ts";

const LOW = { traceId: `${"0".repeat(31)}1`, spanId: "" };
let flush: () => Promise<void> = async () => undefined;
afterEach(() => flush());

async function collector(): Promise<{ endpoint: string; bodies: string[]; close: () => void }> {
  const bodies: string[] = [];
  const server = createServer((request, response) => {
    let body = `${request.url} `;
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      bodies.push(body);
      response.end("{}");
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return { endpoint: `http://127.0.0.1:${port}/`, bodies, close: () => server.close() };
}

test("what a flush sends is every span that ended, with the service's name", async () => {
  const { endpoint, bodies, close } = await collector();
  flush = exportSpans({ endpoint, samplePercent: 100, service: "azure-sink", version: "1" });
  await inTrace(LOW, () => span({ name: "look" }, async () => undefined));
  await flush();
  close();
  expect(bodies).toHaveLength(1);
  expect(bodies[0]).toMatch(/^\/v1\/traces /);
  expect(bodies[0]).toContain('"look"');
  expect(bodies[0]).toContain("azure-sink");
  expect(bodies[0]).toContain(LOW.traceId);
});

test("a share of 0 sends nothing", async () => {
  const { endpoint, bodies, close } = await collector();
  flush = exportSpans({ endpoint, samplePercent: 0, service: "azure-sink", version: "1" });
  await span({ name: "look" }, async () => undefined);
  await flush();
  close();
  expect(bodies).toEqual([]);
});

test("a collector that is away disturbs neither the work nor the stop", async () => {
  const { endpoint, close } = await collector();
  close();
  const options = { endpoint, samplePercent: 100, service: "azure-sink", version: "1" };
  flush = exportSpans({ ...options, exportTimeoutMs: 100 });
  expect(await span({ name: "look" }, async () => 7)).toBe(7);
  await expect(flush()).resolves.toBeUndefined();
});
