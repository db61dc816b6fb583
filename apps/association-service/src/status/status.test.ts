import type { NameRecord, Outcome, SyncRecord } from "@keyferry/contracts";
import { CATALOGUE, type ErrorCode } from "@keyferry/errors";
import { describe, expect, test } from "vitest";
import { ASSOCIATION, command, EPOCH, failure, recordAfter, SYNCED, UNSYNCED } from "../resolve/fixtures.ts";
import { deriveStatus, type SyncStatus } from "./status.ts";

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

const CODES = Object.keys(CATALOGUE) as ErrorCode[];
const BY_CLASS: Readonly<Record<string, SyncStatus>> = {
  "client-side": "CLIENT_SIDE_ERROR",
  "external-service": "EXTERNAL_SERVICE_ERROR",
  internal: "INTERNAL_VAULT_ERROR",
};
// What ends by itself within minutes, or at a person's word that is no repair.
const PENDING: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "answer-lost",
  "drifted",
  "lock-lost",
  "operation-aborted",
  "paused",
  "source-behind",
  "source-changed",
  "vault-conflict",
  "vault-throttled",
]);
const reportOf = (code: ErrorCode) => {
  const { class: errorClass, retry, advice } = CATALOGUE[code];
  return { code, class: errorClass, retry, message: "m", advice, details: {} };
};
const UNTIL = Date.parse("2026-11-24T13:00:00Z");

describe("every way in which a command can have ended says why, since when, and what to do", () => {
  const ends = CODES.flatMap((code): [string, Outcome, SyncStatus, RegExp][] => {
    const error = reportOf(code);
    const status = PENDING.has(code) ? "PENDING" : (BY_CLASS[error.class] ?? "INTERNAL_VAULT_ERROR");
    return [
      [`refused: ${code}`, { kind: "refused", error }, status, new RegExp(`^${code}: m$`)],
      [
        `waiting: ${code}`,
        { kind: "waiting", until: UNTIL, attempts: 3, error },
        status,
        new RegExp(`^${code}: m; attempt 3, tried again at 2026-11-24T13:00:00.000Z$`),
      ],
      [`held: ${code}`, { kind: "held", error }, "PENDING", /^held: m$/],
    ];
  });
  test.each(ends)("%s", (_what, outcome, status, reason) => {
    const derived = deriveStatus(ASSOCIATION, last, recordAfter(last, outcome));
    expect(derived.status).toBe(status);
    expect(derived.reason).toMatch(reason);
    expect(derived.nextStep).not.toBe("");
    expect(Date.parse(derived.since)).not.toBeNaN();
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY, 8.65e15, 0])(
    "a next attempt at %s breaks nothing",
    (until) => {
      const outcome: Outcome = { kind: "waiting", until, attempts: 1, error: reportOf("vault-error") };
      expect(deriveStatus(ASSOCIATION, last, recordAfter(last, outcome)).reason).toMatch(/tried again/);
    },
  );

  test.each([
    ["deleted", /no live version in the source$/],
    ["disabled", /its external secret is disabled$/],
    ["released", /left in Key Vault, and is Keyferry's no more$/],
  ] as const)("unsynced, the name %s: the reason says what is left", (state, reason) => {
    const name: NameRecord = { name: "X", state, applied: null, intent: null };
    const record: SyncRecord = { ...recordAfter(last, UNSYNCED), names: { x: name } };
    const derived = deriveStatus(ASSOCIATION, last, record);
    expect([derived.status, derived.names]).toEqual(["UNSYNCED", []]);
    expect(derived.reason).toMatch(reason);
  });

  test.each([
    ["protected", /can't be purged: the Key Vault has purge protection$/],
    ["denied", /was not purged: the destination's identity may not$/],
  ] as const)("unsynced, not purged (%s): the reason says why", (notPurged, reason) => {
    const name: NameRecord = { name: "X", state: "deleted", applied: null, intent: null, notPurged };
    const record: SyncRecord = { ...recordAfter(last, UNSYNCED), names: { x: name } };
    expect(deriveStatus(ASSOCIATION, last, record).reason).toMatch(reason);
  });
});

describe("an association under a pause", () => {
  const pause = { since: "2026-11-24T12:30:00.000Z", reason: "maintenance" };
  const waitingFor = (code: ErrorCode): Outcome => ({
    kind: "waiting",
    until: UNTIL,
    attempts: 1,
    error: reportOf(code),
  });

  test.each([
    ["never looked at", undefined, undefined],
    ["queued", last, undefined],
    ["stopped by the sink", last, recordAfter(last, waitingFor("paused"))],
    ["throttled", last, recordAfter(last, waitingFor("vault-throttled"))],
    ["changed after it was synced", later, recordAfter(last, SYNCED)],
  ])("%s: it is paused, since then, and is to be resumed", (_what, commanded, record) => {
    expect(deriveStatus(ASSOCIATION, commanded, record, pause)).toMatchObject({
      status: "PENDING",
      reason: "paused: nothing is written until it is resumed (maintenance)",
      since: pause.since,
      nextStep: expect.stringMatching(/^Resume it: /),
    });
  });

  test.each([
    ["synced", recordAfter(last, SYNCED), "SYNCED", /^synced; paused since/],
    ["unsynced", recordAfter(last, UNSYNCED), "UNSYNCED", /^unsynced: .*; paused since/],
    [
      "held",
      recordAfter(last, { kind: "held", error: reportOf("held-for-approval") }),
      "PENDING",
      /^held: m; paused since/,
    ],
    [
      "foreign",
      recordAfter(last, { kind: "refused", error: reportOf("foreign-owner") }),
      "CLIENT_SIDE_ERROR",
      /^foreign-owner: m; paused since/,
    ],
    [
      "another cluster",
      recordAfter(last, { kind: "refused", error: reportOf("source-changed") }),
      "PENDING",
      /^source-changed: m; paused since/,
    ],
    [
      "denied",
      recordAfter(last, waitingFor("source-denied")),
      "CLIENT_SIDE_ERROR",
      /^source-denied: m; .*paused/,
    ],
  ])("%s: it stays what it is, and says that later changes wait", (_what, record, status, reason) => {
    const paused = deriveStatus(ASSOCIATION, last, record, pause);
    const running = deriveStatus(ASSOCIATION, last, record);
    expect(paused).toMatchObject({ status, since: running.since, nextStep: running.nextStep });
    expect(paused.reason).toMatch(reason);
    expect(paused.reason).toMatch(/later changes wait$/);
  });

  test("a command that came after the pause waits since then", () => {
    const early = { since: "2026-11-24T11:00:00.000Z", reason: "" };
    const derived = deriveStatus(ASSOCIATION, last, undefined, early);
    expect(derived.since).toBe(new Date(last.time).toISOString());
    expect(derived.reason).toBe("paused: nothing is written until it is resumed");
  });
});

test("names are told with their keys and versions, in the keys' order", () => {
  const record = recordAfter(last, SYNCED);
  const [some] = Object.values(record.names);
  if (some === undefined) throw new Error("no name");
  const name = (subKey: string): NameRecord => ({ ...some, name: `X-${subKey}`, subKey });
  const names = { b: name("b"), a: name("a") };
  expect(deriveStatus(ASSOCIATION, last, { ...record, names }).names).toEqual([
    { name: "X-a", subKey: "a", version: 1 },
    { name: "X-b", subKey: "b", version: 1 },
  ]);
});
