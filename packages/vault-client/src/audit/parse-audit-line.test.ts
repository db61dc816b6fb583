import { hintSchema } from "@keyferry/contracts";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AUDIT_LINE_CHARACTERS_MAX, parseAuditLine } from "./parse-audit-line.ts";

interface Made {
  operation?: string;
  path?: string;
  type?: string;
  error?: string;
  mountPoint?: string;
  mountType?: string;
  namespace?: object;
  data?: object;
}

function line(made: Made): string {
  return JSON.stringify({
    time: "2026-11-24T06:39:16.848280654Z",
    type: made.type ?? "response",
    ...(made.error === undefined ? {} : { error: made.error }),
    auth: { accessor: "hmac-sha256:aa", policies: ["root"] },
    request: {
      id: "d35d8bdf",
      operation: made.operation ?? "update",
      mount_point: made.mountPoint ?? "secret/",
      mount_type: made.mountType ?? "kv",
      namespace: made.namespace ?? { id: "root" },
      path: made.path ?? "secret/data/a/b",
      data: { data: { pin: 4711 } },
    },
    response: { mount_class: "secret", ...(made.data === undefined ? {} : { data: made.data }) },
  });
}

const WHERE = { major: 1, namespace: "", mount: "secret", channel: "audit-file", committedAt: 1795502356848 };

describe("entries that mean that something may have changed", () => {
  test.for([
    ["data/a/b", "update", "write"],
    ["data/a/b", "create", "write"],
    ["data/a/b", "patch", "write"],
    ["data/a/b", "recover", "write"],
    ["data/a/b", "delete", "delete"],
    ["delete/a/b", "update", "delete"],
    ["undelete/a/b", "update", "undelete"],
    ["destroy/a/b", "update", "destroy"],
    ["metadata/a/b", "update", "metadata-write"],
    ["metadata/a/b", "create", "metadata-write"],
    ["metadata/a/b", "patch", "metadata-write"],
    ["metadata/a/b", "delete", "metadata-delete"],
  ] as const)("%s %s is a hint: %s", ([rest, operation, hinted]) => {
    expect(parseAuditLine(line({ operation, path: `secret/${rest}` }))).toEqual({
      kind: "hint",
      hint: { ...WHERE, path: "a/b", operation: hinted },
    });
  });

  test("a write's version becomes the least version that a read must show", () => {
    expect(parseAuditLine(line({ data: { version: 3, destroyed: false } }))).toMatchObject({
      hint: { minVersion: 3 },
    });
  });

  test("a mount of several segments in a namespace is told from the path", () => {
    const made = {
      operation: "create",
      mountPoint: "ns1/team/kv/",
      namespace: { id: "x", path: "ns1/" },
      path: "team/kv/data/data/b",
    };
    expect(parseAuditLine(line(made))).toMatchObject({
      hint: { namespace: "ns1", mount: "team/kv", path: "data/b", operation: "write" },
    });
  });

  test("a configured prefix before the entry doesn't matter", () => {
    expect(parseAuditLine(`@cee: ${line({})}`).kind).toBe("hint");
  });

  test("a mount's configuration concerns all its secrets", () => {
    expect(parseAuditLine(line({ path: "secret/config" }))).toEqual({
      kind: "sweep-mount",
      namespace: "",
      mount: "secret",
    });
  });

  test.for(["sys/mounts/new", "sys/remount", "sys/namespaces/ns1"])("%s changes the topology", (path) => {
    expect(parseAuditLine(line({ path, mountType: "system", mountPoint: "sys/" })).kind).toBe("topology");
  });
});

describe("entries that mean nothing", () => {
  test.for([
    ["a request entry", { type: "request" }],
    ["a failed write", { error: "check-and-set parameter did not match" }],
    ["a patch of a missing secret", { operation: "patch", data: { http_status_code: 404 } }],
    ["a read, ours or another's", { operation: "read" }],
    ["a list", { operation: "list", path: "secret/metadata/" }],
    ["another engine", { mountType: "transit", mountPoint: "transit/", path: "transit/data/a" }],
    ["a policy", { path: "sys/policies/acl/x", mountType: "system", mountPoint: "sys/" }],
    ["another endpoint of KV", { path: "secret/subkeys/a" }],
    ["a key without a name", { path: "secret/data/" }],
    ["a folder", { path: "secret/data/a/" }],
    ["the upgrade's root", { path: "secret/" }],
  ] as const)("%s", ([, made]) => {
    expect(parseAuditLine(line(made))).toEqual({ kind: "nothing" });
  });

  test("an empty line", () => {
    expect(parseAuditLine("").kind).toBe("nothing");
  });
});

describe("entries that can't be read ask for a sweep", () => {
  test.for([
    ["half a line", line({}).slice(0, 200)],
    ["garbage", "\u0000\u0001garbage"],
    ["another kind of log", '{"level":"info","msg":"x"}'],
    ["a KV entry without its mount", line({ mountPoint: "" })],
    ["a KV entry of another mount's path", line({ mountPoint: "other/" })],
    ["a line beyond the limit", `{${" ".repeat(AUDIT_LINE_CHARACTERS_MAX)}}`],
  ])("%s", ([, text]) => {
    expect(parseAuditLine(text ?? "").kind).toBe("unreadable");
  });
});

test("whatever the line, there is a verdict, and every hint fits its schema", () => {
  const anything = fc.oneof(
    fc.string(),
    fc.json(),
    fc
      .record(
        {
          operation: fc.oneof(fc.constantFrom("update", "create", "delete", "patch", "read"), fc.string()),
          path: fc.oneof(
            fc.constantFrom("secret/data/a", "secret/metadata/a", "secret/config", "sys/mounts/x"),
            fc.string(),
          ),
          type: fc.constantFrom("response", "request", ""),
          error: fc.constantFrom("", "failed"),
          mountPoint: fc.oneof(fc.constant("secret/"), fc.string()),
          mountType: fc.constantFrom("kv", "system", ""),
          data: fc.object(),
        },
        { requiredKeys: [] },
      )
      .map(line),
    fc.tuple(fc.nat(900), fc.string()).map(([at, text]) => line({}).slice(0, at) + text + line({}).slice(at)),
  );
  const misfits = fc
    .sample(anything, 10_000)
    .map((text) => parseAuditLine(text))
    .filter((verdict) => verdict.kind === "hint" && !hintSchema.safeParse(verdict.hint).success);
  expect(misfits).toEqual([]);
});

test("P5: nothing of an entry's data is in its hint", () => {
  expect(JSON.stringify(parseAuditLine(line({ data: { version: 2, pin: 4711 } })))).not.toMatch(
    /4711|pin|hmac/,
  );
});
