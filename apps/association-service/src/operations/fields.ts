// Owns: reading what requests of operating say: times, globs, names, limits. Each complaint says what would be right.

import type { DestinationRecord, Uid } from "@keyferry/contracts";
import { z } from "zod";
import type { Call } from "../gateway/call.ts";
import { describeIssues, textField } from "../gateway/coerce.ts";
import { badRequest, Refusal } from "../gateway/refusal.ts";
import { compileGlob } from "./replay/path-glob.ts";

/** A time as ISO 8601 with its zone. */
export const timeField = textField.transform((raw, context) => {
  const ms = Date.parse(raw);
  if (/^\d{4}-\d{2}-\d{2}T.*(?:Z|[+-]\d{2}:?\d{2})$/i.test(raw) && !Number.isNaN(ms)) return ms;
  const message = `'${raw}' is not a time: send ISO 8601 with a zone, as 2026-01-31T12:00:00Z`;
  context.issues.push({ code: "custom", message, input: undefined });
  return z.NEVER;
});

/** A whole number within bounds, as a number or as text. */
export function numberField(min: number, max: number) {
  return textField.transform((raw, context) => {
    const value = Number(raw);
    if (/^\d+$/.test(raw) && value >= min && value <= max) return value;
    const message = `'${raw}' is not a whole number from ${min} to ${max}`;
    context.issues.push({ code: "custom", message, input: undefined });
    return z.NEVER;
  });
}

export const globField = textField.transform((raw, context) => {
  const read = compileGlob(raw);
  if (read.kind === "ok") return raw;
  context.issues.push({ code: "custom", message: read.why, input: undefined });
  return z.NEVER;
});

/** @throws Refusal 400 that names every wrong field, unknown ones too */
export function readFields<T extends z.ZodObject>(schema: T, raw: unknown): z.output<T> {
  const given = raw as Readonly<Record<string, unknown>>;
  const unknown = Object.keys(given).filter((name) => !(name in schema.shape));
  const parsed = schema.safeParse(given);
  const errors = [
    ...(parsed.success ? [] : describeIssues(parsed.error)),
    ...unknown.map((name) => `${name} is not known here: known are ${Object.keys(schema.shape).join(", ")}`),
  ];
  if (!parsed.success || errors.length > 0) throw badRequest(...errors);
  return parsed.data;
}

/** The destination of a name that the request gives. @throws Refusal 404 that lists what there is */
export async function destinationNamed(
  { caller, parts, signal }: Call,
  name: string,
): Promise<DestinationRecord> {
  const { destinations } = parts;
  await destinations.caughtUp(signal);
  const row = destinations.byName({ namespace: caller.namespace, type: "azure-kv", name });
  if (row !== undefined) return row.entry.value;
  const names = destinations.inNamespace(caller.namespace).map(({ entry }) => entry.value.name);
  const known = names.length === 0 ? "there are none yet" : `there are ${names.slice(0, 20).join(", ")}`;
  throw new Refusal(404, [`there is no destination ${name} here: ${known}`]);
}

/** Its uid, if one is named. */
export async function uidOf(call: Call, name: string | undefined): Promise<Uid | undefined> {
  return name === undefined ? undefined : (await destinationNamed(call, name)).uid;
}
