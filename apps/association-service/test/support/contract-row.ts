// Owns: a row of the API's contract and how it is held against the server: what is sent, and what comes back.
import { expect } from "vitest";
import type { World } from "./world.ts";

const MERGE = { "content-type": "application/merge-patch+json" };

export interface Row {
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
  readonly status: number;
  /** What `data` has, at least; for an error, what its text matches. */
  readonly has?: object | RegExp;
}

/** `GET x → 200`, and the body where two rows differ in nothing else. */
export const titled = (rows: readonly Row[]) =>
  rows.map((row) => {
    const body = row.body === undefined ? "" : ` ${JSON.stringify(row.body)}`;
    return [`${row.method} ${row.path}${body} → ${row.status}`, row] as const;
  });

export async function holds(world: World, { method, path, body, status, has }: Row): Promise<void> {
  const headers = method === "PATCH" ? MERGE : {};
  const answer = await world.call(method, path, body, { headers });
  const text = answer.errors.join("\n");
  // A text that matches counts as its pattern, so that one that does not is shown.
  const said = has instanceof RegExp ? (has.test(text) ? has.source : text) : answer.data;
  const wanted = has instanceof RegExp ? has.source : (has ?? {});
  expect({ status: answer.status, isError: "errors" in answer.body, said }).toMatchObject({
    status,
    isError: status >= 400,
    said: wanted,
  });
}
