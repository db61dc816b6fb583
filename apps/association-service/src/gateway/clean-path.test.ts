import { expect, test } from "vitest";
import { cleanPath } from "./clean-path.ts";

test.each([
  ["/v1/sys/sync/x", undefined],
  ["/v1/sys/sync/x?a=//b", undefined],
  ["/v1//sys/sync/x", "/v1/sys/sync/x"],
  ["//evil.example/v1", "/evil.example/v1"],
  ["////a///b?c=//d?e", "/a/b?c=//d?e"],
  ["/v1/sys/sync/a%2F%2Fb", undefined],
])("%s → %s", (url, clean) => {
  expect(cleanPath(url)).toBe(clean);
});
