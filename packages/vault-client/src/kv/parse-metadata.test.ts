import { fingerprintOf, type PresentState } from "@keyferry/contracts";
import { describe, expect, test } from "vitest";
import { isLiveAt, parseMetadata } from "./parse-metadata.ts";

const METADATA = {
  cas_required: false,
  created_time: "2026-11-24T06:38:36.258403631Z",
  current_metadata_version: 0,
  current_version: 1,
  custom_metadata: null,
  delete_version_after: "0s",
  max_versions: 0,
  metadata_cas_required: false,
  oldest_version: 0,
  updated_time: "2026-11-24T06:38:36.258403631Z",
  versions: {
    "1": { created_time: "2026-11-24T06:38:36.258403631Z", deletion_time: "", destroyed: false },
  },
};
const NOW = Date.parse("2026-11-24T07:00:00Z");

function parsed(data: unknown, at = NOW): PresentState {
  const state = parseMetadata(data, at);
  if (state === undefined) throw new Error("not metadata");
  return state;
}

test("null, no and empty custom metadata are one state, and unknown fields don't matter", () => {
  const without: Partial<typeof METADATA> = { ...METADATA };
  delete without.custom_metadata;
  const fingerprints = [
    METADATA,
    without,
    { ...METADATA, custom_metadata: {}, last_updated_by: { actor: "me" } },
  ].map((data) => fingerprintOf(parsed(data)));
  expect(new Set(fingerprints).size).toBe(1);
});

test("a key with metadata only has no version", () => {
  expect(parsed({ ...METADATA, current_version: 0, versions: {} })).toMatchObject({
    current: 0,
    versions: {},
  });
});

test("what is not metadata is not guessed at", () => {
  for (const data of [
    undefined,
    null,
    {},
    [],
    { ...METADATA, versions: { x: {} } },
    { ...METADATA, created_time: "" },
  ]) {
    expect(parseMetadata(data, NOW)).toBeUndefined();
  }
  const oddTime = { "1": { created_time: "", deletion_time: "yesterday", destroyed: false } };
  expect(parseMetadata({ ...METADATA, versions: oddTime }, NOW)).toBeUndefined();
});

describe("liveness is judged by the answer's Date", () => {
  test.for([
    ["no deletion time", "", true],
    ["long past", "2026-11-24T06:59:00Z", false],
    ["deleted within the second that the Date cuts off", "2026-11-24T07:00:00.400000001Z", false],
    ["an expiry to come", "2026-11-24T07:00:01Z", true],
    ["an expiry of another time zone", "2026-11-24T09:30:00+02:00", true],
  ] as const)("%s", ([, deletionTime, live]) => {
    expect(isLiveAt(deletionTime, NOW)).toBe(live);
  });

  test("a destroyed version is never live", () => {
    const versions = { "1": { created_time: "t", deletion_time: "", destroyed: true } };
    expect(parsed({ ...METADATA, versions }).versions["1"]?.live).toBe(false);
  });

  test("expiry changes the fingerprint though the metadata is the same", () => {
    const versions = { "1": { created_time: "t", deletion_time: "2026-11-24T07:00:10Z", destroyed: false } };
    const before = fingerprintOf(parsed({ ...METADATA, versions }, NOW));
    expect(fingerprintOf(parsed({ ...METADATA, versions }, NOW + 10_000))).not.toBe(before);
  });
});
