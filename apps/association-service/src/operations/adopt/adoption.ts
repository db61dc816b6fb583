// Owns: what an adoption would take over and how, from what a sink saw; the digest that names that very set; the leave
// that travels with each command. Pure. Does not own: looking (a sink), whose a name is (the sink's judgement).
// Invariant ADP-1: what is ordered is what was shown: the digest covers each name and what lay there.

import { createHash } from "node:crypto";
import type { Adoption, SecretKey, SeenName, SyncCommand, VaultMark } from "@keyferry/contracts";

/** A refused secret. */
export interface Candidate {
  readonly secretKey: SecretKey;
  /** `mount/path`. */
  readonly secret: string;
  /** Why it is not synced, in the outcome's words. */
  readonly reason: string;
}

export interface AdoptionRow {
  readonly secretKey: SecretKey;
  readonly secret: string;
  /** In Key Vault; null where nobody looked. */
  readonly name: string | null;
  /**
   * `mark`: its value is the wished one, and the mark is enough. `write`: a new version. `recover`: it is soft-deleted, and
   * is written when it is back. `none`: nothing is in the way. `refuse`: it is somebody's. `unknown`: it was not looked at.
   */
  readonly would: "mark" | "write" | "recover" | "none" | "refuse" | "unknown";
  readonly why: string;
  readonly seen: SeenName | undefined;
}

export interface AdoptionPlan {
  readonly rows: readonly AdoptionRow[];
  readonly digest: string;
}

/** Every name of the refused secrets, by secret and name. */
export function planAdoption(
  candidates: readonly Candidate[],
  names: readonly SeenName[],
  notLooked: readonly { readonly secretKey: SecretKey; readonly why: string }[],
): AdoptionPlan {
  const rows = candidates.flatMap((candidate): AdoptionRow[] => {
    const { secretKey, secret } = candidate;
    const why = notLooked.find((one) => one.secretKey === secretKey)?.why;
    if (why !== undefined) return [{ secretKey, secret, name: null, would: "unknown", why, seen: undefined }];
    return names
      .filter((seen) => seen.secretKey === secretKey)
      .map((seen) => ({ secretKey, secret, name: seen.name, seen, ...judge(seen) }));
  });
  rows.sort((a, b) => (`${a.secret}\n${a.name ?? ""}` < `${b.secret}\n${b.name ?? ""}` ? -1 : 1));
  return { rows, digest: digestOf(rows) };
}

/** Rows where nobody looked: what is known of them all the same. */
export function unseen(candidates: readonly Candidate[]): AdoptionPlan {
  const rows = candidates.map(({ secretKey, secret, reason }): AdoptionRow => ({
    secretKey,
    secret,
    name: null,
    would: "unknown",
    why: reason,
    seen: undefined,
  }));
  return { rows, digest: digestOf(rows) };
}

/** The leave of each secret that has something to take over and nothing that stays somebody's. */
export function leavesOf({ rows }: AdoptionPlan): ReadonlyMap<SecretKey, NonNullable<SyncCommand["adopt"]>> {
  const leaves = new Map<SecretKey, Record<string, Adoption>>();
  for (const { secretKey, seen, would } of rows) {
    if (seen?.token === undefined || !isTakenOver(would)) continue;
    const leave = leaves.get(secretKey) ?? {};
    leave[seen.name.toLowerCase()] = adoptionOf(seen, seen.token);
    leaves.set(secretKey, leave);
  }
  return leaves;
}

/** True if it is somebody's thing that changes hands. */
export function isTakenOver(would: AdoptionRow["would"]): boolean {
  return would === "mark" || would === "write" || would === "recover";
}

function adoptionOf({ version, value, comparedWith }: SeenName, seen: string): Adoption {
  if (value !== "same" || version === undefined || comparedWith === undefined) return { seen };
  return { seen, holds: { keyVaultVersion: version, ...comparedWith } };
}

function judge(seen: SeenName): Pick<AdoptionRow, "would" | "why"> {
  if (seen.there === "absent") return { would: "none", why: "nothing is there: it can be written" };
  if (seen.mark === "ours" || seen.mark === "free") return { would: "none", why: "it is this association's" };
  if (seen.mark !== "none") return { would: "refuse", why: `${seen.whose}${NEXT[seen.mark] ?? ""}` };
  if (seen.there === "deleted") {
    return {
      would: "recover",
      why: "soft-deleted: it is recovered, and gets a new version of the source's value",
    };
  }
  if (seen.value === "same" && seen.hasDate !== true) {
    return { would: "mark", why: "its value is the source's: it is marked as ours, without a new version" };
  }
  return {
    would: "write",
    why: `it gets a new version of the source's value${VALUE[seen.value ?? ""] ?? ""}`,
  };
}

const VALUE: Readonly<Record<string, string>> = {
  different: "; what it holds now differs, and stays as an older version",
  same: "; its value is the same, but it has dates that only a new version takes away",
  unknown: "; whether it differs can't be read",
};

const NEXT: Partial<Record<VaultMark, string>> = {
  sibling: ": give one of the two another name",
  managed: ": choose another name",
  "other-instance": ": let that instance release it first",
};

function digestOf(rows: readonly AdoptionRow[]): string {
  const lines = rows.map(({ secretKey, name, would, seen }) =>
    [secretKey, name ?? "-", would, seen?.token ?? "-", seen?.version ?? "-"].join(" "),
  );
  return createHash("sha256").update(lines.join("\n")).digest("base64url").slice(0, 27);
}
