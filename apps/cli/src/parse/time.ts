// Owns: times and durations as people type them. Pure.

import { usageFailure } from "../failure.ts";

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};
const DURATION = /^(?:\d+(?:ms|[smhdw]))+$/;

/** `90s`, `1h30m`, `2d` in milliseconds. @throws Failure */
export function parseDuration(text: string): number {
  if (!DURATION.test(text)) {
    throw usageFailure(
      `'${text}' is not a duration`,
      "Write a number and a unit (ms, s, m, h, d, w), as 90s or 1h30m.",
    );
  }
  let ms = 0;
  for (const [, count, unit] of text.matchAll(/(\d+)(ms|[smhdw])/g)) {
    ms += Number(count) * (UNIT_MS[unit ?? ""] ?? 0);
  }
  return ms;
}

/** An ISO 8601 time, or how long ago (`2h`), as an ISO time in UTC. @throws Failure */
export function parseTime(text: string, now: number): string {
  if (DURATION.test(text)) return new Date(now - parseDuration(text)).toISOString();
  const fix = `Write a time with its zone, as ${new Date(now).toISOString().slice(0, 19)}Z, or how long ago, as 2h.`;
  if (!/^\d{4}-\d{2}-\d{2}/.test(text)) throw usageFailure(`'${text}' is not a time`, fix);
  // Without a zone a time means another moment on each machine.
  if (text.includes("T") && !/(?:Z|[+-]\d{2}:?\d{2})$/i.test(text)) {
    throw usageFailure(`'${text}' has no time zone`, fix);
  }
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) throw usageFailure(`'${text}' is not a time`, fix);
  return new Date(ms).toISOString();
}
