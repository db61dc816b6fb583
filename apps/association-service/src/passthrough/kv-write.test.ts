import { describe, expect, test } from "vitest";
import { hintFor } from "./kv-write.ts";

const none = () => false;

function hint(method: string, url: string, isMount: (path: string) => boolean = none, status = 200) {
  const found = hintFor({ method, url, status, namespace: "" }, isMount);
  return found && `${found.operation} ${found.mount} ${found.path ?? ""}`;
}

describe("requests that change a KVv2 secret", () => {
  test.each([
    ["PUT", "/v1/kv/data/a/b", "write kv a/b"],
    ["POST", "/v1/kv/data/a?x=y", "write kv a"],
    ["PATCH", "/v1/kv/data/a", "write kv a"],
    ["DELETE", "/v1/kv/data/a", "delete kv a"],
    ["POST", "/v1/kv/delete/a", "delete kv a"],
    ["PUT", "/v1/kv/undelete/a", "undelete kv a"],
    ["PUT", "/v1/kv/destroy/a", "destroy kv a"],
    ["POST", "/v1/kv/metadata/a", "metadata-write kv a"],
    ["DELETE", "/v1/kv/metadata/a", "metadata-delete kv a"],
    ["PUT", "/v1/kv/data/a%20b", "write kv a b"],
    ["PUT", "/v1/team/kv/data/a", "write team/kv a"],
  ])("%s %s", (method, url, wished) => expect(hint(method, url)).toBe(wished));

  test("a mount that is known decides where `data` is a part of a path", () => {
    expect(hint("PUT", "/v1/my/data/kv/data/a")).toBe("write my kv/data/a");
    expect(hint("PUT", "/v1/my/data/kv/data/a", (path) => path === "my/data/kv")).toBe("write my/data/kv a");
  });
});

test.each([
  ["GET", "/v1/kv/data/a", 200],
  ["PUT", "/v1/kv/data/a", 403],
  ["PUT", "/v1/kv/data/", 200],
  ["PUT", "/v1/kv/config", 200],
  ["PUT", "/v1/sys/policies/acl/data/x", 200],
  ["DELETE", "/v1/kv/undelete/a", 200],
  ["PUT", "/v1/kv/data/%zz", 200],
  ["PUT", "/other", 200],
])("%s %s with %i is no hint", (method, url, status) => {
  expect(hint(method, url, none, status)).toBeUndefined();
});
