import { afterEach, expect, test } from "vitest";
import { recordSpans, span, type SpanRecord } from "./span.ts";
import { currentTrace, formatTraceparent, inTrace, parseTraceparent, traceOfRequest } from "./trace.ts";

let stop = (): void => undefined;
afterEach(() => stop());

function recorded(): SpanRecord[] {
  const spans: SpanRecord[] = [];
  stop = recordSpans((record) => spans.push(record));
  return spans;
}

test("without a recorder a span is its work and no more", async () => {
  expect(await span({ name: "x" }, async () => currentTrace())).toBeUndefined();
});

test("a span within a span is its child, and a message sent within it names it as parent", async () => {
  const spans = recorded();
  const header = await span({ name: "outer" }, () =>
    span({ name: "inner" }, async () => formatTraceparent(currentTrace() ?? { traceId: "", spanId: "" })),
  );
  const [inner, outer] = spans;
  expect([inner?.name, outer?.name]).toEqual(["inner", "outer"]);
  expect(inner?.parentSpanId).toBe(outer?.trace.spanId);
  expect(inner?.trace.traceId).toBe(outer?.trace.traceId);
  expect(parseTraceparent(header)).toEqual(inner?.trace);
  expect(outer?.parentSpanId).toBeUndefined();
});

test("a rejection is passed on, and the span says that it failed", async () => {
  const spans = recorded();
  await expect(span({ name: "x" }, () => Promise.reject(new Error("no")))).rejects.toThrow("no");
  expect(spans[0]?.failed).toBe(true);
});

test("the trace of a request at the source has its id, and its first span has no parent", async () => {
  const trace = traceOfRequest("D35D8BDF-0c1b-4a5e-9f00-1234567890ab");
  expect(trace).toEqual({ traceId: "d35d8bdf0c1b4a5e9f001234567890ab", spanId: "" });
  expect(traceOfRequest("d35d8bdf")).toBeUndefined();
  const spans = recorded();
  await inTrace(trace ?? { traceId: "", spanId: "" }, () => span({ name: "look" }, async () => undefined));
  expect(spans[0]?.trace.traceId).toBe("d35d8bdf0c1b4a5e9f001234567890ab");
  expect(spans[0]?.parentSpanId).toBeUndefined();
});
