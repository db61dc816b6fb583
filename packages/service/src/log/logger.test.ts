import { KeyferryError } from "@keyferry/errors";
import { inTrace } from "@keyferry/ports";
import { expect, test } from "vitest";
import { createLogger, type LogLevel } from "./logger.ts";

function loggerWithLines(level: LogLevel = "info") {
  const lines: unknown[] = [];
  const output = { write: (line: string): void => void lines.push(JSON.parse(line)) };
  return { logger: createLogger({ service: "azure-sink", level, output }), lines };
}

test("a line is one JSON object with level, time, service, fields and message", () => {
  const { logger, lines } = loggerWithLines();
  logger.info({ version: 3 }, "put");
  expect(lines).toEqual([
    {
      level: "info",
      time: expect.stringMatching(/^\d{4}-.*Z$/),
      service: "azure-sink",
      version: 3,
      message: "put",
    },
  ]);
});

test("what is below the level is not written", () => {
  const { logger, lines } = loggerWithLines("warn");
  logger.debug({}, "a");
  logger.info({}, "b");
  logger.warn({}, "c");
  logger.error({}, "d");
  expect(lines).toMatchObject([{ message: "c" }, { message: "d" }]);
});

test("a line within a trace has its id, also after an await and in a child", async () => {
  const { logger, lines } = loggerWithLines();
  const traceId = "0af7651916cd43dd8448eb211c80319c";
  await inTrace({ traceId, spanId: "b7ad6b7169203331" }, async () => {
    await Promise.resolve();
    logger.child({ destination: "d" }).info({}, "inside");
  });
  logger.info({}, "outside");
  expect(lines).toMatchObject([
    { trace: traceId, destination: "d", message: "inside" },
    { message: "outside" },
  ]);
  expect(lines[1]).not.toHaveProperty("trace");
});

test("P5: fields, bindings, messages and errors pass the same filter", () => {
  const { logger, lines } = loggerWithLines();
  const canary = `hvs.${"k".repeat(30)}`;
  const error = new KeyferryError("source-denied", `refused ${canary}`);
  logger
    .child({ token: canary, note: canary })
    .error({ error, password: canary, url: `http://${canary}` }, `saw ${canary}`);
  expect(JSON.stringify(lines)).not.toContain("kkkk");
  expect(lines).toMatchObject([{ error: { code: "source-denied" }, message: "saw [redacted]" }]);
});
