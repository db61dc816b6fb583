// Properties of what a write lets pass as a name template: never an illegal name, the same verdict and the same names each
// time, and what was read back can be written again. KF_PROP_RUNS and KF_PROP_SEED repeat a run.
import type { DestinationRecord, Granularity, SecretRef } from "@keyferry/contracts";
import { compileTemplate, defaultTemplate, nameVariables, normaliseName, renderName } from "@keyferry/naming";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { type Composed, composeDestination } from "./compose-destination.ts";
import { readDestinationFields } from "./destination-fields.ts";

const SETTINGS = {
  numRuns: Number(process.env["KF_PROP_RUNS"] ?? 500),
  ...(process.env["KF_PROP_SEED"] === undefined ? {} : { seed: Number(process.env["KF_PROP_SEED"]) }),
};

// reference: Key Vault names are 1 to 127 characters of 0-9, A-Z, a-z and '-'.
const LEGAL = /^[0-9A-Za-z-]{1,127}$/;

const variable = fc.constantFrom(
  ".DestinationType",
  ".DestinationName",
  ".NamespacePath",
  ".NamespaceBaseName",
  ".NamespaceID",
  ".MountPath",
  ".MountBaseName",
  ".MountAccessor",
  ".SecretPath",
  ".SecretBaseName",
  ".SecretKey",
  "$.SecretPath",
);
const step = fc.constantFrom(
  "uppercase",
  "lowercase",
  "sha256",
  "base64",
  'replace "/" "_"',
  'replace "" "-"',
  "truncate 3",
  "truncate 0",
  "truncate_sha256 12",
  "truncate_sha256 3",
);
const unstable = fc.constantFrom("random 8", "unix_time", "unix_time_millis", 'timestamp "2006"', "uuid");
const action = fc
  .tuple(variable, fc.array(step, { maxLength: 3 }))
  .map(([name, steps]) => `{{ ${[name, ...steps].join(" | ")} }}`);
const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 12 }),
  fc.stringMatching(/^[a-zA-Z0-9_/ -]{0,80}$/),
);
const template = fc
  .array(
    fc.oneof(
      { weight: 4, arbitrary: action },
      { weight: 3, arbitrary: text },
      {
        weight: 1,
        arbitrary: fc.constantFrom("{{ .Nothing }}", "{{", "}}", "{{ $x := .SecretKey }}", "{{ $x }}"),
      },
      { weight: 1, arbitrary: unstable.map((call) => `{{ ${call} }}`) },
    ),
    { maxLength: 6 },
  )
  .map((pieces) => pieces.join(""));
const granularity = fc.constantFrom<Granularity>("secret-path", "secret-key");

const segment = fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 });
const path = fc.array(segment, { minLength: 1, maxLength: 4 }).map((segments) => segments.join("/"));
const secret = fc.record({
  source: fc.constant("main"),
  namespace: fc.oneof(fc.constant(""), path),
  mount: path,
  accessor: fc.stringMatching(/^kv_[0-9a-f]{8}$/),
  path,
});

function write(body: Record<string, unknown>, stored?: DestinationRecord): Composed {
  const read = readDestinationFields({
    key_vault_uri: "https://kv-1.vault.azure.net",
    tenant_id: "11111111-2222-3333-4444-555555555555",
    client_id: "c",
    ...body,
  });
  if (read.kind === "refused") return read;
  return composeDestination({
    mode: stored === undefined ? "replace" : "merge",
    fields: read.fields,
    stored,
    defaults: {},
  });
}

function nameOf(nameTemplate: string, level: Granularity, of: SecretRef, key: string): string | undefined {
  const compiled = compileTemplate(nameTemplate, { granularity: level });
  if (compiled.kind === "refused") throw new Error(`accepted at write, refused at use: ${compiled.why}`);
  const secretKey = level === "secret-key" ? { secretKey: key } : {};
  const destination = { type: "azure-kv", name: "d" };
  const rendered = renderName(compiled.template, nameVariables({ destination, secret: of, ...secretKey }));
  if (rendered.kind === "refused") return undefined;
  const normal = normaliseName(rendered.name);
  return normal.kind === "ok" ? normal.name : undefined;
}

test("whatever template a write lets pass gives legal names alone, and the same one each time", () => {
  const seen = { accepted: 0, refused: 0, named: 0 };
  fc.assert(
    fc.property(template, granularity, secret, segment, (secret_name_template, level, of, key) => {
      const composed = write({ secret_name_template, granularity: level });
      expect(write({ secret_name_template, granularity: level })).toEqual(composed);
      if (composed.kind === "refused") {
        seen.refused += 1;
        return composed.errors.every((error) => error.startsWith("secret name template is invalid: "));
      }
      seen.accepted += 1;
      const { nameTemplate } = composed.destination.spec;
      expect(nameTemplate).toBe(secret_name_template === "" ? defaultTemplate(level) : secret_name_template);
      const name = nameOf(nameTemplate, level, of, key);
      expect(nameOf(nameTemplate, level, of, key)).toBe(name);
      if (name === undefined) return;
      seen.named += 1;
      expect(name).toMatch(LEGAL);
    }),
    SETTINGS,
  );
  // A generator that only made faults, or only good ones, would prove nothing.
  expect(Object.values(seen).every((count) => count > SETTINGS.numRuns / 20)).toBe(true);
});

test("no template with a function of time or chance passes", () => {
  fc.assert(
    fc.property(template, unstable, template, granularity, (before, call, after, level) => {
      const secret_name_template = `${before}{{ ${call} }}${after}`;
      expect(write({ secret_name_template, granularity: level }).kind).toBe("refused");
    }),
    SETTINGS,
  );
});

test("what was accepted is accepted again: a PATCH of nothing, and of what was read back, change nothing", () => {
  fc.assert(
    fc.property(template, granularity, (secret_name_template, level) => {
      const composed = write({ secret_name_template, granularity: level });
      if (composed.kind === "refused") return;
      const { connection, spec } = composed.destination;
      const stored: DestinationRecord = {
        major: 1,
        uid: "destinationuid234",
        namespace: "",
        type: "azure-kv",
        name: "d",
        state: "active",
        connection: { ...connection, credential: { kind: "environment" } },
        spec,
        createdAt: "2026-01-01T00:00:00Z",
        updatedAt: "2026-01-01T00:00:00Z",
      };
      for (const body of [{}, { secret_name_template: spec.nameTemplate, granularity: level }]) {
        const again = write(body, stored);
        expect(again).toMatchObject({ kind: "ok", destination: { spec } });
      }
    }),
    SETTINGS,
  );
});
