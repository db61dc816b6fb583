import { expect, test } from "vitest";
import { formatListenAddress, parseListenAddress } from "./fields.ts";

test("a listen address is host and port, and survives being read and written", () => {
  for (const text of ["127.0.0.1:9401", "localhost:0", "[::1]:65535", "0.0.0.0:80"]) {
    const address = parseListenAddress(text);
    expect(address && formatListenAddress(address)).toBe(text);
  }
  expect(parseListenAddress("[::1]:1")).toEqual({ host: "::1", port: 1 });
});

test("what is no listen address is not taken for one", () => {
  for (const text of [
    "",
    "9401",
    ":9401",
    "host",
    "host:",
    "host:65536",
    "::1:80",
    "http://a:1",
    "a b:1",
    "u@h:1",
  ]) {
    expect(parseListenAddress(text)).toBeUndefined();
  }
});
