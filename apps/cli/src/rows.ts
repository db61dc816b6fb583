// Owns: reading parts of answers without believing their shape: a newer server may answer otherwise. Pure.

import type { Data } from "./api-client.ts";

/** A list of objects under a name; empty where there is none. */
export function listOf(data: unknown, name: string): readonly Data[] {
  const value = isData(data) ? data[name] : undefined;
  return Array.isArray(value) ? value.filter(isData) : [];
}

/** An object under a name; empty where there is none. */
export function partOf(data: unknown, name: string): Data {
  const value = isData(data) ? data[name] : undefined;
  return isData(value) ? value : {};
}

/** A text under a name; undefined where there is none. */
export function textOf(data: unknown, name: string): string | undefined {
  const value = isData(data) ? data[name] : undefined;
  return typeof value === "string" ? value : undefined;
}

/** A number under a name; 0 where there is none. */
export function numberOf(data: unknown, name: string): number {
  const value = isData(data) ? data[name] : undefined;
  return typeof value === "number" ? value : 0;
}

/** A scalar under a name as text, for sentences; empty where there is none. */
export function shownOf(data: unknown, name: string): string {
  const value = isData(data) ? data[name] : undefined;
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean"
    ? String(value)
    : "";
}

export function isData(value: unknown): value is Data {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
