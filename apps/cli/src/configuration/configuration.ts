// Owns: the file of `keyferry export`, `import` and `apply`: reading it, and what differs between it and what there is.
// Pure.

import { parseDocument } from "yaml";
import type { Data } from "../api-client.ts";
import { usageFailure } from "../failure.ts";
import { isData, listOf, textOf } from "../rows.ts";

export interface Configuration {
  readonly destinations: readonly Data[];
  readonly associations: readonly Association[];
  readonly rules: readonly Data[];
}

export interface Association {
  readonly destination: string;
  readonly mount: string;
  readonly secret_name: string;
}

/** One thing to do. */
export type Step =
  | {
      readonly action: "create" | "update";
      readonly kind: "destination" | "rule";
      readonly name: string;
      readonly fields: Data;
      readonly changes: readonly string[];
    }
  | { readonly action: "remove"; readonly kind: "destination" | "rule"; readonly name: string }
  | {
      readonly action: "create" | "remove";
      readonly kind: "association";
      readonly name: string;
      readonly association: Association;
    };

const FIX = "`keyferry export` shows what a file looks like.";
const SECTIONS = ["version", "destinations", "associations", "rules"];

/** Reads YAML or JSON. @throws Failure that names each wrong place */
export function readConfiguration(text: string, file: string): Configuration {
  const document = parseDocument(text, { prettyErrors: true });
  const [error] = document.errors;
  if (error !== undefined)
    throw usageFailure(`${file} is not YAML: ${error.message.split("\n")[0] ?? ""}`, FIX);
  const raw: unknown = document.toJS();
  if (!isData(raw)) throw usageFailure(`${file} has no sections`, FIX);
  const faults = [
    ...Object.keys(raw)
      .filter((name) => !SECTIONS.includes(name))
      .map((name) => `${name} is not a section: there are ${SECTIONS.join(", ")}`),
    ...(raw["version"] === 1 ? [] : ["version is not 1"]),
    ...faultsOf(raw, "destinations", ["name"]),
    ...faultsOf(raw, "associations", ["destination", "mount", "secret_name"]),
    ...faultsOf(raw, "rules", ["name", "destination"]),
    ...listOf(raw, "destinations")
      .filter((one) => one["client_secret"] !== undefined)
      .map(
        (one) =>
          `destination ${textOf(one, "name") ?? "?"} holds a client_secret: name an environment variable by client_secret_env`,
      ),
  ];
  if (faults.length > 0) throw usageFailure(`${file}: ${faults.join("; ")}`, FIX);
  return {
    destinations: listOf(raw, "destinations"),
    associations: listOf(raw, "associations").map((one) => ({
      destination: textOf(one, "destination") ?? "",
      mount: (textOf(one, "mount") ?? "").replace(/\/+$/, ""),
      secret_name: textOf(one, "secret_name") ?? "",
    })),
    rules: listOf(raw, "rules"),
  };
}

function faultsOf(raw: Data, section: string, needed: readonly string[]): readonly string[] {
  const value = raw[section];
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) return [`${section} is not a list`];
  const faults: string[] = [];
  const seen = new Set<string>();
  for (const [index, one] of value.entries()) {
    const missing = needed.filter((field) => typeof (isData(one) ? one[field] : undefined) !== "string");
    if (missing.length > 0) faults.push(`${section}[${index}] has no ${missing.join(", ")}`);
    const key = JSON.stringify(needed.map((field) => textOf(one, field)));
    if (seen.has(key)) faults.push(`${section}[${index}] is there twice`);
    seen.add(key);
  }
  return faults;
}

/** What makes what there is into what the file says; with `prune` also what the file does not have goes. */
export function stepsFor(current: Configuration, wished: Configuration, prune: boolean): readonly Step[] {
  const have = new Set(current.associations.map(nameOf));
  const want = new Set(wished.associations.map(nameOf));
  const associationStep = (action: "create" | "remove", association: Association): Step => ({
    action,
    kind: "association",
    name: nameOf(association),
    association,
  });
  const wanting = [
    ...wished.destinations.flatMap((one) => writeStep("destination", one, current.destinations)),
    ...wished.associations
      .filter((one) => !have.has(nameOf(one)))
      .map((one) => associationStep("create", one)),
    ...wished.rules.flatMap((one) => writeStep("rule", one, current.rules)),
  ];
  if (!prune) return wanting;
  // A destination goes last, and only when nothing is associated with it any more.
  return [
    ...wanting,
    ...missingFrom(wished.rules, current.rules).map((name): Step => ({
      action: "remove",
      kind: "rule",
      name,
    })),
    ...current.associations
      .filter((one) => !want.has(nameOf(one)))
      .map((one) => associationStep("remove", one)),
    ...missingFrom(wished.destinations, current.destinations).map((name): Step => ({
      action: "remove",
      kind: "destination",
      name,
    })),
  ];
}

function writeStep(kind: "destination" | "rule", wished: Data, current: readonly Data[]): Step[] {
  const name = keyOf(wished);
  const before = current.find((one) => keyOf(one) === name);
  const { client_secret_env: _, ...plain } = wished;
  if (before === undefined)
    return [{ action: "create", kind, name, fields: wished, changes: Object.keys(plain) }];
  const changes = Object.entries(plain).flatMap(([field, value]) =>
    same(before[field], value) ? [] : [`${field}: ${brief(before[field])} → ${brief(value)}`],
  );
  return changes.length === 0 ? [] : [{ action: "update", kind, name, fields: wished, changes }];
}

function missingFrom(wished: readonly Data[], current: readonly Data[]): readonly string[] {
  const names = new Set(wished.map(keyOf));
  return current.map(keyOf).filter((name) => !names.has(name));
}

// A rule's name is its destination's: `kv-prod/team-rule`.
function keyOf(one: Data): string {
  const name = textOf(one, "name") ?? "";
  const destination = textOf(one, "destination");
  return destination === undefined ? name : `${destination}/${name}`;
}

/** How an association is named to people. */
export function nameOf({ destination, mount, secret_name }: Association): string {
  return `${mount}/${secret_name} → ${destination}`;
}

function same(a: unknown, b: unknown): boolean {
  return stable(a) === stable(b);
}

// An empty map, an empty list and nothing are one and the same to the API.
function stable(value: unknown): string {
  if (value === undefined || value === null) return "";
  if (Array.isArray(value)) return value.length === 0 ? "" : JSON.stringify(value);
  if (!isData(value)) return JSON.stringify(value);
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return entries.length === 0 ? "" : JSON.stringify(entries);
}

function brief(value: unknown): string {
  return value === undefined || value === null ? "nothing" : JSON.stringify(value);
}
