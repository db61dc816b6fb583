import { expect, test } from "vitest";
import { parseRoute } from "./route.ts";

const VERSION = "0123456789abcdef0123456789abcdef";

test.each([
  ["PUT", "/secrets/n", "set", "n", undefined],
  ["GET", "/secrets/n", "get", "n", undefined],
  ["GET", "/secrets/n/", "get", "n", undefined],
  ["GET", `/secrets/n/${VERSION.toUpperCase()}`, "get", "n", VERSION],
  ["PATCH", "/secrets/n/", "update", "n", undefined],
  ["PATCH", `/secrets/n/${VERSION}`, "update", "n", VERSION],
  ["GET", "/secrets", "list", "", undefined],
  ["GET", "/secrets/", "list", "", undefined],
  ["GET", "/secrets/n/versions", "listVersions", "n", undefined],
  ["DELETE", "/secrets/n", "delete", "n", undefined],
  ["GET", "/deletedsecrets/n", "getDeleted", "n", undefined],
  ["GET", "/deletedsecrets", "listDeleted", "", undefined],
  ["POST", "/deletedsecrets/n/recover", "recover", "n", undefined],
  ["DELETE", "/deletedsecrets/n", "purge", "n", undefined],
  ["POST", "/secrets/n/backup", "backup", "n", undefined],
  ["POST", "/secrets/restore", "restore", "", undefined],
  ["PUT", "/secrets/restore", "set", "restore", undefined],
  ["PUT", "/secrets/%6E", "set", "n", undefined],
])("%s %s is %s of %j", (method, path, operation, name, version) => {
  expect(parseRoute(method, path)).toEqual({ kind: "route", operation, name, version });
});

test.each([
  ["PUT", "/secrets", 405],
  ["HEAD", "/secrets/n", 405],
  ["POST", "/secrets/n", 405],
  ["DELETE", `/secrets/n/${VERSION}`, 405],
  ["GET", "/keys", 404],
  ["GET", "/secrets//n", 404],
  ["POST", "/deletedsecrets/n/undelete", 404],
  ["POST", "/secrets/n/rotate", 404],
  ["GET", "/secrets/a_b", 400],
  ["GET", `/secrets/${"n".repeat(128)}`, 400],
  ["GET", "/secrets/%", 400],
  ["constructor", "/secrets/n", 405],
])("%s %s is refused with %i", (method, path, status) => {
  expect(parseRoute(method, path)).toMatchObject({ kind: "refused", status });
});
