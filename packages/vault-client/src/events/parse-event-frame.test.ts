import * as fc from "fast-check";
import { expect, test } from "vitest";
import { parseEventFrame } from "./parse-event-frame.ts";

interface Parts {
  readonly type?: string;
  readonly namespace?: string;
  readonly mount?: string;
  readonly metadata?: Record<string, unknown>;
}

function frame({ type = "kv-v2/data-write", namespace, mount = "secret/", metadata = {} }: Parts): string {
  return JSON.stringify({
    id: "a3be9fb1",
    source: "vault://node",
    specversion: "1.0",
    type: "*",
    time: "2026-11-24T15:19:49.394915-07:00",
    data: {
      event: { id: "a3be9fb1", metadata },
      ...(namespace === undefined ? {} : { namespace }),
      event_type: type,
      plugin_info: { mount_class: "secret", mount_accessor: "kv_1", mount_path: mount, plugin: "kv" },
    },
  });
}

const KINDS: readonly [string, string, string, object][] = [
  ["data-write", "data", "write", { minVersion: 3 }],
  ["data-patch", "data", "write", { minVersion: 3 }],
  ["data-delete", "data", "delete", {}],
  ["delete", "delete", "delete", {}],
  ["undelete", "undelete", "undelete", {}],
  ["destroy", "destroy", "destroy", {}],
  ["metadata-write", "metadata", "metadata-write", {}],
  ["metadata-patch", "metadata", "metadata-write", {}],
  ["metadata-delete", "metadata", "metadata-delete", {}],
];

test.for(KINDS)("kv-v2/%s is a hint", ([kind, endpoint, operation, more]) => {
  const path = `secret/${endpoint}/app/db`;
  const text = frame({
    type: `kv-v2/${kind}`,
    metadata: { path, current_version: "3", oldest_version: "0" },
  });
  expect(parseEventFrame(text)).toEqual({
    kind: "hint",
    hint: {
      major: 1,
      namespace: "",
      mount: "secret",
      path: "app/db",
      operation,
      committedAt: Date.parse("2026-11-24T22:19:49.394Z"),
      channel: "events",
      ...more,
    },
  });
});

test("namespaces, mounts of several segments and paths that look like operations", () => {
  const found = (parts: Parts) => {
    const verdict = parseEventFrame(frame(parts));
    return verdict.kind === "hint"
      ? [verdict.hint.namespace, verdict.hint.mount, verdict.hint.path]
      : verdict.kind;
  };
  expect(found({ namespace: "ns1/", metadata: { path: "secret/data/a" } })).toEqual(["ns1", "secret", "a"]);
  expect(found({ namespace: "ns1/", mount: "ns1/secret/", metadata: { path: "ns1/secret/data/a" } })).toEqual(
    ["ns1", "secret", "a"],
  );
  expect(found({ mount: "team/kv/", metadata: { data_path: "team/kv/data/data/b" } })).toEqual([
    "",
    "team/kv",
    "data/b",
  ]);
  expect(found({ metadata: { path: "other/secret/data/a" } })).toBe("sweep-mount");
});

test("what names no secret concerns the whole mount, another engine nobody, the rest is unreadable", () => {
  const kindOf = (parts: Parts) => parseEventFrame(frame(parts)).kind;
  expect(kindOf({ type: "kv-v2/config-write", metadata: { path: "secret/config" } })).toBe("sweep-mount");
  expect(kindOf({ type: "kv-v2/of-a-newer-vault" })).toBe("sweep-mount");
  expect(kindOf({ type: "kv-v2/toString" })).toBe("sweep-mount");
  expect(kindOf({ metadata: { path: 7 } })).toBe("sweep-mount");
  expect(kindOf({ type: "database/rotate" })).toBe("nothing");
  expect(kindOf({ mount: "/" })).toBe("unreadable");
  for (const text of ["", "[]", "{", '{"data":{}}', "x".repeat(1024 * 1024 + 1)]) {
    expect(parseEventFrame(text).kind).toBe("unreadable");
  }
});

test("is total: no input makes it throw", () => {
  const inputs = fc.oneof(
    fc.string(),
    fc.json(),
    fc.json().map((json) => `{"data":${json}}`),
  );
  for (const text of fc.sample(inputs, 5_000)) expect(parseEventFrame(text)).toHaveProperty("kind");
});
