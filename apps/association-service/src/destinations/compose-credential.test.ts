import type { Credential } from "@keyferry/contracts";
import { describe, expect, test } from "vitest";
import { composeCredential } from "./compose-credential.ts";
import { readDestinationFields } from "./destination-fields.ts";

type Mode = "replace" | "merge";

function compose(body: Record<string, unknown>, before?: Credential, mode: Mode = "replace") {
  const read = readDestinationFields(body);
  if (read.kind === "refused") throw new Error(read.errors.join());
  const errors: string[] = [];
  const change = composeCredential(read.fields, before, mode, errors);
  return { change, errors };
}

const SECRET: Credential = { kind: "client-secret", path: "p", version: 3 };

describe("which credential a write makes", () => {
  test.each<[string, Record<string, unknown>, Credential | undefined, Mode, unknown]>([
    [
      "nothing at all is the environment",
      {},
      undefined,
      "replace",
      { kind: "become", credential: { kind: "environment" } },
    ],
    ["nothing in a PUT keeps", {}, SECRET, "replace", { kind: "keep" }],
    ["the kind that is stored keeps", { credential: "client-secret" }, SECRET, "replace", { kind: "keep" }],
    [
      "an audience is workload identity",
      { identity_token_audience: "a" },
      SECRET,
      "replace",
      { kind: "become", credential: { kind: "workload-identity", audience: "a" } },
    ],
    [
      "a masked audience keeps its text",
      { credential: "workload-identity", identity_token_audience: "*****" },
      { kind: "workload-identity", audience: "a" },
      "merge",
      { kind: "become", credential: { kind: "workload-identity", audience: "a" } },
    ],
    [
      "by name",
      { credential: "managed-identity" },
      SECRET,
      "merge",
      { kind: "become", credential: { kind: "managed-identity" } },
    ],
    [
      "null takes away",
      { credential: null },
      { kind: "managed-identity" },
      "merge",
      { kind: "become", credential: { kind: "environment" } },
    ],
    [
      "null of another kind's field does not",
      { client_certificate: null },
      SECRET,
      "merge",
      { kind: "keep" },
    ],
  ])("%s", (_what, body, before, mode, change) => {
    expect(compose(body, before, mode)).toEqual({ change, errors: [] });
  });

  test.each([
    [{ credential: "certificate" }, /client_certificate is missing/],
    [{ credential: "client-secret" }, /client_secret is missing/],
    [
      { client_secret: "s", identity_token_audience: "a" },
      /client_secret and identity_token_audience exclude each other/,
    ],
    [{ credential: "workload-identity", identity_token_audience: "a".repeat(601) }, /more than 600/],
    [{ credential: "workload-identity", identity_token_ttl: 90_000 }, /more than 86400/],
    [{ client_certificate: "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----" }, /no private key/],
    [
      { client_certificate: "-----BEGIN CERTIFICATE-----\n-----BEGIN ENCRYPTED PRIVATE KEY-----" },
      /encrypted private key/,
    ],
    [
      {
        client_certificate:
          "-----BEGIN CERTIFICATE-----\ncanary\n-----END CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\ncanary\n-----END PRIVATE KEY-----",
      },
      /can't be read/,
    ],
  ])("%j is refused", (body, message) => {
    const { errors } = compose(body);
    expect(errors.join("\n")).toMatch(message);
    expect(errors.join("\n")).not.toContain("canary");
  });
});
