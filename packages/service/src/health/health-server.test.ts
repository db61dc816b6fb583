import { afterEach, beforeEach, expect, test } from "vitest";
import { formatListenAddress } from "../config/fields.ts";
import { createMetrics } from "../metrics/metrics.ts";
import { type HealthServer, startHealthServer } from "./health-server.ts";
import { ReadinessBoard } from "./readiness.ts";

let readiness: ReadinessBoard;
let server: HealthServer;

const start = (port: number) =>
  startHealthServer({
    listen: { host: "127.0.0.1", port },
    key: "azureSink.listen",
    readiness,
    metrics: createMetrics({ service: "azure-sink", version: "1", processFigures: false }),
  });

beforeEach(async () => {
  readiness = new ReadinessBoard();
  server = await start(0);
});

afterEach(async () => {
  await server.close();
});

const get = (path: string, method = "GET") =>
  fetch(`http://${formatListenAddress(server.listen)}${path}`, { method });

test("/readyz is 503 and says what is waited for and why, until every check is ready", async () => {
  let isConnected = false;
  readiness.addCheck("nats", () =>
    isConnected ? { kind: "ready" } : { kind: "waiting", why: "no server answers" },
  );
  readiness.addCheck("redis", () => ({ kind: "ready" }));
  const before = await get("/readyz");
  expect(before.status).toBe(503);
  expect(await before.json()).toEqual({
    ready: false,
    waitingFor: [{ check: "nats", why: "no server answers" }],
  });
  isConnected = true;
  const after = await get("/readyz?verbose");
  expect(after.status).toBe(200);
  expect(await after.json()).toEqual({ ready: true, waitingFor: [] });
});

test("/readyz is 200 with a note for a process that is ready and idle", async () => {
  readiness.addCheck("detector", () => ({ kind: "ready", note: "standing by" }));
  const answer = await get("/readyz");
  expect(answer.status).toBe(200);
  expect(await answer.json()).toEqual({ ready: true, waitingFor: [], notes: ["standing by"] });
});

test("/healthz is 200 also while something is waited for", async () => {
  readiness.addCheck("nats", () => ({ kind: "waiting", why: "away" }));
  expect((await get("/healthz")).status).toBe(200);
});

test("/metrics is the page for Prometheus", async () => {
  const response = await get("/metrics");
  expect(response.headers.get("content-type")).toContain("text/plain");
  expect(await response.text()).toContain("keyferry_build_info");
});

test("other paths and methods are refused, and HEAD has no body", async () => {
  expect((await get("/")).status).toBe(404);
  expect((await get("/healthz", "POST")).status).toBe(405);
  const head = await get("/healthz", "HEAD");
  expect([head.status, await head.text()]).toEqual([200, ""]);
});

test("a port that is taken is told with the key to change", async () => {
  await expect(start(server.listen.port)).rejects.toMatchObject({
    code: "listen-address-taken",
    message: expect.stringContaining("azureSink.listen"),
  });
});

test("an address that this machine does not have is told with the key to change", async () => {
  // 192.0.2.0/24 is set aside for documentation (RFC 5737): no machine has it.
  const starting = startHealthServer({
    listen: { host: "192.0.2.1", port: 0 },
    key: "azureSink.listen",
    readiness,
    metrics: createMetrics({ service: "x", version: "1", processFigures: false }),
  });
  await expect(starting).rejects.toMatchObject({
    code: "config-invalid",
    details: { key: "azureSink.listen" },
  });
});
