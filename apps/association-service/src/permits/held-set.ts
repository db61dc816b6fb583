// Owns: which deletes of a destination wait for a person, and the digest that an approval names them by. Pure.
// Invariant HLD-1: a held delete is one command and one state: whatever comes later under the same key is another one, so
// that an approval is good once, and never for a secret that has come back (hazard held-then-alive).

import { createHash } from "node:crypto";
import type { SecretKey, SecretRef, SyncRecord } from "@keyferry/contracts";
import type { CommandEntry } from "../ports.ts";
import { isHeld } from "../resolve/resolve.ts";

export interface HeldDelete {
  readonly secretKey: SecretKey;
  readonly secret: SecretRef;
  /** What exactly is held: see `heldToken`. */
  readonly token: string;
  /** `names`: the secret stays, names of it that are no longer wished go. */
  readonly what: "secret" | "names";
  /** External names that would go, sorted; of a secret all that it holds. */
  readonly externalNames: readonly string[];
  readonly since: string;
}

export interface HeldSet {
  readonly deletes: readonly HeldDelete[];
  readonly digest: string;
}

/** The fingerprint of the state and the fence of the command that were held. */
export function heldToken({ value, sequence }: CommandEntry): string {
  return `${value.expect?.fingerprint ?? "-"}@${value.epoch}.${sequence}`;
}

/** The held deletes among the pairs of one destination, in the order of their keys. */
export function heldSet(
  pairs: Iterable<{ readonly last: CommandEntry | undefined; readonly record: SyncRecord | undefined }>,
): HeldSet {
  const deletes: HeldDelete[] = [];
  for (const { last, record } of pairs) {
    if (last === undefined || record === undefined || last.value.permit !== null || !isHeld(last, record))
      continue;
    deletes.push({
      secretKey: last.value.secretKey,
      secret: last.value.secret,
      token: heldToken(last),
      what: last.value.op === "unsync" ? "secret" : "names",
      externalNames: namesOf(record),
      since: record.since,
    });
  }
  deletes.sort((a, b) => (a.secretKey < b.secretKey ? -1 : 1));
  return { deletes, digest: digestOf(deletes) };
}

function namesOf({ names }: SyncRecord): string[] {
  return Object.values(names)
    .filter(({ state }) => state === "live" || state === "recovering")
    .map(({ name }) => name)
    .sort();
}

function digestOf(deletes: readonly HeldDelete[]): string {
  const lines = deletes.map(({ secretKey, token }) => `${secretKey} ${token}\n`);
  return createHash("sha256").update(lines.join("")).digest("base64url").slice(0, 27);
}
