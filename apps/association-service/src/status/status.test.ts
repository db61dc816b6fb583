import { describe, expect, test } from "vitest";
import { ASSOCIATION, command, EPOCH, failure, recordAfter, SYNCED, UNSYNCED } from "../resolve/fixtures.ts";
import { deriveStatus } from "./status.ts";

const last = command({}, 10);
const later = command({}, 11);
const refused = (error: ReturnType<typeof failure>) => recordAfter(last, { kind: "refused", error });
const waiting = (error: ReturnType<typeof failure>) =>
  recordAfter(last, { kind: "waiting", until: 0, attempts: 1, error });

describe("the status of an association, by its last command and its record", () => {
  test.each([
    ["no command yet", undefined, undefined, "PENDING", /^not-looked-at-yet/],
    ["commanded, no record", last, undefined, "PENDING", /^queued: sync/],
    ["a command newer than the outcome", later, recordAfter(last, SYNCED), "PENDING", /^queued/],
    [
      "status-sticks: an outcome of an earlier epoch",
      command({ epoch: EPOCH + 1 }, 1),
      recordAfter(last, SYNCED),
      "PENDING",
      /^queued/,
    ],
    [
      "a record without an outcome",
      last,
      { ...recordAfter(last, SYNCED), outcome: null },
      "PENDING",
      /^queued/,
    ],
    ["synced", last, recordAfter(last, SYNCED), "SYNCED", /^synced/],
    ["unsynced", last, recordAfter(last, UNSYNCED), "UNSYNCED", /^unsynced/],
    [
      "held",
      last,
      recordAfter(last, { kind: "held", error: failure("foreign-owner", "client-side") }),
      "PENDING",
      /^held/,
    ],
    [
      "a foreign name",
      last,
      refused(failure("foreign-owner", "client-side")),
      "CLIENT_SIDE_ERROR",
      /^foreign-owner: m/,
    ],
    [
      "Azure failing",
      last,
      waiting(failure("vault-error", "external-service")),
      "EXTERNAL_SERVICE_ERROR",
      /^vault-error/,
    ],
    [
      "a defect of ours",
      last,
      waiting(failure("unexpected", "internal")),
      "INTERNAL_VAULT_ERROR",
      /^unexpected/,
    ],
    [
      "Azure throttling",
      last,
      waiting(failure("vault-throttled", "external-service")),
      "PENDING",
      /^vault-throttled/,
    ],
    [
      "another cluster",
      last,
      waiting(failure("source-changed", "client-side")),
      "PENDING",
      /^source-changed/,
    ],
  ])("%s", (_what, commanded, record, status, reason) => {
    const derived = deriveStatus(ASSOCIATION, commanded, record);
    expect(derived.status).toBe(status);
    expect(derived.reason).toMatch(reason);
    expect(Date.parse(derived.since)).not.toBeNaN();
    expect(derived.nextStep === "").toBe(status === "SYNCED");
  });
});

test("name and version are those that Key Vault holds, also while the next command is pending", () => {
  expect(deriveStatus(ASSOCIATION, later, recordAfter(last, SYNCED))).toMatchObject({
    externalNames: ["X"],
    version: 1,
  });
});
