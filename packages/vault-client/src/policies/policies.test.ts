import { readFile } from "node:fs/promises";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { apiPolicy, detectorPolicy, sinkPolicy } from "./policies.ts";

const MOUNTS = { mounts: ["my-kv"] };
const deployed = (name: string): Promise<string> =>
  readFile(new URL(`../../../../deploy/policies/${name}.hcl`, import.meta.url), "utf8");

const pathsOf = (policy: string): string[] =>
  [...policy.matchAll(/^path "(.*)" \{$/gm)].map(([, path]) => path ?? "");

test("the files in deploy/policies are what these functions print for the mount my-kv", async () => {
  expect(await deployed("change-detector")).toBe(detectorPolicy({ flavour: "openbao", ...MOUNTS }));
  expect(await deployed("change-detector.vault")).toBe(detectorPolicy({ flavour: "vault", ...MOUNTS }));
  expect(await deployed("change-detector.vault-events")).toBe(
    detectorPolicy({ flavour: "vault", events: true, ...MOUNTS }),
  );
  expect(await deployed("azure-sink")).toBe(sinkPolicy({ flavour: "openbao", ...MOUNTS }));
  expect(await deployed("association-service")).toBe(apiPolicy({ flavour: "openbao", ...MOUNTS }));
});

test("no rule of the detector or of the API reaches a value of a mount that is synced", () => {
  for (const flavour of ["openbao", "vault"] as const) {
    const policies = [
      detectorPolicy({ flavour, ...MOUNTS }),
      apiPolicy({ flavour, ...MOUNTS }),
      ...(flavour === "vault" ? [detectorPolicy({ flavour, events: true, ...MOUNTS })] : []),
    ];
    for (const policy of policies) {
      const rules = [...policy.matchAll(/path "(my-kv[^"]*)" \{\n {2}capabilities = \[(.*)\]/g)];
      expect(rules.length).toBeGreaterThan(0);
      for (const [, path = "", capabilities = ""] of rules) {
        if (path.startsWith("my-kv/metadata/") || path.startsWith("my-kv/detailed-metadata/")) continue;
        expect([path, capabilities]).toEqual(["my-kv/*", '"subscribe"']);
      }
    }
  }
});

test("several mounts, a mount with slashes, prefixes and another own mount", () => {
  const policy = sinkPolicy({
    flavour: "vault",
    mounts: ["a/", "team/kv", "a"],
    prefixes: ["app/", "db"],
    ownMount: "own",
  });
  expect(pathsOf(policy)).toEqual([
    "a/data/app/*",
    "a/metadata/app/*",
    "a/data/db*",
    "a/metadata/db*",
    "team/kv/data/app/*",
    "team/kv/metadata/app/*",
    "team/kv/data/db*",
    "team/kv/metadata/db*",
    "own/data/*",
  ]);
});

test("OpenBao's policy never has the capability that OpenBao refuses", () => {
  expect(() => detectorPolicy({ flavour: "openbao", events: true, ...MOUNTS })).toThrow(/no event stream/);
  expect(detectorPolicy({ flavour: "openbao", ...MOUNTS })).not.toContain("subscribe");
});

test("what a policy would read as a wildcard, a template or the end of its quotes is refused", () => {
  for (const mount of [
    "",
    "/",
    "a/../b",
    "a//b",
    "+",
    "a/+",
    "kv*",
    'a" {}',
    "a\\",
    "{{identity.entity.id}}",
    "a\nb",
  ]) {
    expect(() => detectorPolicy({ flavour: "openbao", mounts: [mount] })).toThrow(/can name|at least/);
  }
  expect(() => sinkPolicy({ flavour: "openbao", mounts: [] })).toThrow(/at least one mount/);
  for (const prefix of ["a/*", "..", "a//b"]) {
    expect(() => sinkPolicy({ flavour: "openbao", ...MOUNTS, prefixes: [prefix] })).toThrow(/can name/);
  }
});

// Not `unit: "binary"`: its table of all characters takes seconds to build.
const codePoint = fc.integer({ min: 0, max: 0x10_ffff }).filter((code) => code < 0xd800 || code > 0xdfff);
const name = fc.array(codePoint, { minLength: 1 }).map((codes) => String.fromCodePoint(...codes));

test("whatever the mount, a policy has its rules and no others", () => {
  for (const mount of fc.sample(name, 2_000)) {
    let policy: string;
    try {
      policy = sinkPolicy({ flavour: "openbao", mounts: [mount] });
    } catch {
      continue; // refused
    }
    expect(policy.split("\n").filter((line) => line.startsWith("path ")).length).toBe(3);
  }
});
