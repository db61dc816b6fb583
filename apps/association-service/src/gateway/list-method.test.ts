import { expect, test } from "vitest";
import { findMethod, rewriteRequestLine } from "./list-method.ts";

const LIST = { method: "LIST", query: "list=true" } as const;

function stopAt(packet: string, bytesParsed: number) {
  return Object.assign(new Error("x"), {
    code: "HPE_INVALID_METHOD",
    rawPacket: Buffer.from(packet),
    bytesParsed,
  });
}

test.each([
  ["at the packet's start", "LIST /x HTTP/1.1", 2],
  ["after a pipelined request", `GET / HTTP/1.1\r\n\r\nLIST /x HTTP/1.1`, 20],
  ["cut after the first letter", "IST /x HTTP/1.1", 1],
  ["cut after the second letter", "ST /x HTTP/1.1", 0],
])("a LIST is found %s", (_where, packet, at) => {
  expect(findMethod(stopAt(packet, at))?.bytes.toString()).toBe(" /x HTTP/1.1");
});

test.each([
  ["another method", stopAt("LISP /x HTTP/1.1", 2)],
  ["another fault", Object.assign(stopAt("LIST /x", 2), { code: "HPE_INVALID_HEADER_TOKEN" })],
  ["a method that ends in ours", stopAt("XLIST /x HTTP/1.1", 0)],
])("%s is none", (_what, error) => expect(findMethod(error)).toBeUndefined());

test.each([
  [" /v1/x HTTP/1.1\r\nA: b\r\n\r\n", "GET /v1/x?list=true HTTP/1.1\r\nA: b\r\n\r\n"],
  [" /v1/x?a=b HTTP/1.0\r\n", "GET /v1/x?a=b&list=true HTTP/1.0\r\n"],
])("%j is rewritten", (after, rewritten) => {
  expect(rewriteRequestLine(LIST, Buffer.from(after)).toString()).toBe(rewritten);
});

test("a line that has not come whole is waited for, an endless one is not", () => {
  expect(rewriteRequestLine(LIST, Buffer.from(" /v1/x HTT"))).toBe("wait");
  expect(rewriteRequestLine(LIST, Buffer.alloc(20_000, "x"))).toBe("too-long");
});
