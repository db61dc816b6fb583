import { expect, test } from "vitest";
import { secretSettings } from "./secret-settings.ts";

const settings = (metadata: Record<string, string>) => {
  const read = secretSettings(metadata, "secret-path");
  if (read.kind !== "ok") throw new Error(`${read.key} ${read.why}`);
  return read.settings;
};

test("a secret that says nothing gets the content type of its granularity and is enabled", () => {
  expect(settings({ owner: "team-a" })).toEqual({ contentType: "application/json", enabled: true, tags: {} });
  expect(secretSettings({}, "secret-key")).toMatchObject({ settings: { contentType: "text/plain" } });
});

test("every setting is read, and times are kept in whole seconds", () => {
  expect(
    settings({
      "keyferry.expires": "2027-01-31T12:00:00.750Z",
      "keyferry.not-before": "2026-01-31T14:00:00+02:00",
      "keyferry.content-type": "text/x-pem",
      "keyferry.enabled": "false",
      "keyferry.tag.cost-centre": "42",
    }),
  ).toEqual({
    contentType: "text/x-pem",
    enabled: false,
    expires: Date.UTC(2027, 0, 31, 12),
    notBefore: Date.UTC(2026, 0, 31, 12),
    tags: { "cost-centre": "42" },
  });
});

test.each([
  ["keyferry.expires", "tomorrow"],
  ["keyferry.expires", "2027-01-31"],
  ["keyferry.expires", "2027-02-31T00:00:00Z"],
  ["keyferry.expires", "2027-01-31T12:00:00"],
  ["keyferry.not-before", "1969-12-31T23:59:59Z"],
  ["keyferry.enabled", "yes"],
  ["keyferry.content-type", ""],
  ["keyferry.content-type", "x".repeat(256)],
  ["keyferry.expire", "2027-01-31T12:00:00Z"],
  ["keyferry.tag.keyferry-owner", "me"],
  ["keyferry.tag.", "nobody"],
  ["keyferry.tag.two words", "x"],
  ["keyferry.tag.long", "x".repeat(257)],
])("%s = %j is refused by name, with the fix", (key, value) => {
  const read = secretSettings({ [key]: value, zone: "x" }, "secret-path");
  expect(read).toMatchObject({ kind: "refused", key });
  expect(read.kind === "refused" && read.fix).not.toBe("");
});

test("a date after January 2038 is refused, as it would arrive as one of 1901", () => {
  expect(secretSettings({ "keyferry.expires": "2038-01-19T03:14:07Z" }, "secret-path").kind).toBe("ok");
  expect(secretSettings({ "keyferry.expires": "2038-01-19T03:14:08Z" }, "secret-path")).toMatchObject({
    kind: "refused",
    key: "keyferry.expires",
    why: expect.stringContaining("2038"),
  });
});

test("a secret that would never be valid is refused", () => {
  const metadata = {
    "keyferry.not-before": "2027-02-01T00:00:00Z",
    "keyferry.expires": "2027-01-01T00:00:00Z",
  };
  expect(secretSettings(metadata, "secret-path")).toMatchObject({
    kind: "refused",
    key: "keyferry.not-before",
  });
});

test("what is not under keyferry. is nobody's business here", () => {
  expect(settings({ keyferryexpires: "x", "Keyferry.expires": "x" }).enabled).toBe(true);
});
