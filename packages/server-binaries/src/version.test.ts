import { expect, test } from "vitest";
import { isAtLeast, readVersion } from "./version.mjs";

test("the version is read from what each server prints", () => {
  expect(readVersion("OpenBao v2.7.2 (9e0a0d3c3504a0a0), committed 2026-10-26T20:32:27Z")).toBe("2.7.2");
  expect(readVersion("nats-server: v2.15.1\n")).toBe("2.15.1");
  expect(readVersion("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64")).toBe("7.0.15");
  expect(readVersion("Valkey server v=9.1.2 sha=00000000:1 malloc=libc bits=64")).toBe("9.1.2");
  expect(readVersion("nginx version: nginx/1.22.1\n")).toBe("1.22.1");
  expect(readVersion("usage: nats-server")).toBeUndefined();
});

test("versions are compared as numbers, part by part", () => {
  expect(isAtLeast("2.15.1", "2.12.7")).toBe(true);
  expect(isAtLeast("2.9.10", "2.12.7")).toBe(false);
  expect(isAtLeast("2.12.7", "2.12.7")).toBe(true);
  expect(isAtLeast("2.12.6", "2.12.7")).toBe(false);
  expect(isAtLeast("10.0.0", "7.0.0")).toBe(true);
  expect(isAtLeast("7.0", "7.0.1")).toBe(false);
});
