import { expect, test } from "vitest";
import { compareFences, NO_FENCE } from "./fence.ts";
import { type SyncCommand, wishDigest } from "./sync-command.ts";

const UID = "aaaaaaaaaaaaa";
const COMMAND: SyncCommand = {
  major: 1,
  epoch: 1,
  op: "sync",
  destination: UID,
  association: UID,
  secretKey: "a".repeat(26),
  secret: { source: "main", namespace: "", mount: "kv", accessor: "kv_1", path: "app" },
  spec: { granularity: "secret-path", nameTemplate: "x", customTags: { a: "1", b: "2" } },
  expect: { incarnation: "A", current: 1, fingerprint: "f" },
  permit: null,
  reason: "source",
  resolvedFrom: { associationRevision: 1, stateSequence: 1 },
};

test("fences are ordered by epoch first: a sequence of an older epoch never wins", () => {
  expect(compareFences({ epoch: 2, sequence: 1 }, { epoch: 1, sequence: 50_000 })).toBeGreaterThan(0);
  expect(compareFences({ epoch: 1, sequence: 2 }, { epoch: 1, sequence: 3 })).toBeLessThan(0);
  expect(compareFences(NO_FENCE, { epoch: 0, sequence: 1 })).toBeLessThan(0);
});

test("two commands that ask for the same have one wish digest, whyever they were made", () => {
  const again: SyncCommand = {
    ...COMMAND,
    reason: "settle",
    epoch: 9,
    committedAt: 5,
    resolvedFrom: { associationRevision: 7, stateSequence: 9 },
    spec: { ...COMMAND.spec, customTags: { b: "2", a: "1" } },
  };
  expect(wishDigest(again)).toBe(wishDigest(COMMAND));
});

test("what changes the wish changes its digest", () => {
  const others: SyncCommand[] = [
    { ...COMMAND, op: "unsync" },
    { ...COMMAND, permit: { by: "person" } },
    { ...COMMAND, association: "bbbbbbbbbbbbb" },
    { ...COMMAND, expect: null },
    { ...COMMAND, expect: { incarnation: "B", current: 1, fingerprint: "f" } },
    { ...COMMAND, spec: { ...COMMAND.spec, nameTemplate: "y" } },
    { ...COMMAND, spec: { ...COMMAND.spec, customTags: { a: "1" } } },
    { ...COMMAND, secret: { ...COMMAND.secret, mount: "moved" } },
  ];
  expect(new Set([COMMAND, ...others].map(wishDigest)).size).toBe(others.length + 1);
});
